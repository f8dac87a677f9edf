"""The facilities of a list that are not recorded under the names in it: decided once per name.

A row with such a name is previewed as if the cell were empty. Applied, it has the facility that
was decided.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cache
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError
from psycopg.types.json import Jsonb

from api.access import Caller
from api.contract import document, fields, schemas
from api.database import queries
from api.errors import FieldError, RequestError, counted, pointer
from api.identity import facility_names
from api.identity.name_similarity import exact_key, name_key
from api.records import facilities
from api.verification.bulk import Batch

MAX_NAMES = 200
"""The names that a list may put up for decision: each is compared whenever the import is read."""
_MAX_CANDIDATES = 5
_SHOWN = ("name", "country", "region")
"""What tells candidates apart: several countries have a prison named La Roca."""

Content = Mapping[str, Any]
"""The content of a row. Its `facility` is the name, as written, of one that is not recorded."""


def with_facility(content: Content, id: UUID | None) -> dict[str, Any]:
    """Return the content of a row with a facility instead of its name; None leaves it out."""
    complete = {name: part for name, part in content.items() if name != "facility"}
    if id is not None:
        complete["detention"] = {**content.get("detention", {}), "facility_id": id}
    return complete


# The preview.


class FacilityNames:
    """The facilities of some rows by name and id, and the names of a list that need a decision."""

    def __init__(self, conn: queries.Connection) -> None:
        self._conn = conn
        self._ids: Set[UUID] = set()
        self._ids_by_name: Mapping[str, Set[UUID]] = {}
        self._undecided: set[str] = set()

    def read(self, names: Set[str]) -> None:
        """Read the facilities of the next rows, by their names, aliases or ids."""
        if not names:
            return
        ids = [id for name in names if (id := _as_id(name)) is not None]
        rows = queries.rows(self._conn, "facilities/list_existing_ids", ids=ids)
        self._ids = {row.id for row in rows}
        keys = [exact_key(name) for name in names]
        ids_by_name: defaultdict[str, set[UUID]] = defaultdict(set)
        for row in queries.rows(self._conn, "facilities/list_by_keys", keys=keys):
            ids_by_name[row.key].add(row.id)
        self._ids_by_name = ids_by_name

    def find(self, name: str) -> UUID | None:
        """Return the facility of a name, an alias or an id, or None if the name needs a decision.

        Raises ValueError if it can be no facility's.
        """
        id = _as_id(name)
        if id is None:
            return self._find_by_name(name)
        if id not in self._ids:
            raise ValueError(f"There is no facility with the id {id}.")
        return id

    def _find_by_name(self, name: str) -> UUID | None:
        key = exact_key(name)
        if len(ids := self._ids_by_name.get(key, ())) == 1:
            return next(iter(ids))
        try:
            _name_schema().load({"name": name})
        except ValidationError as error:
            raise ValueError(schemas.field_errors(error)[0].detail) from None
        if key not in self._undecided and len(self._undecided) == MAX_NAMES:
            raise ValueError(
                f"No facility is named {name[:100]!r}, and {MAX_NAMES} other names in the list are "
                "not recorded either: map the column to another field, record the facilities, or "
                "split the list."
            )
        self._undecided.add(key)
        return None


def _as_id(name: str) -> UUID | None:
    try:
        return fields.uuid(name)
    except ValidationError:
        return None


@cache
def _name_schema() -> Schema:
    name = document.load().schema("Name")
    return schemas.parameters_schema({"name": (True, name)})


def names_of_rows(conn: queries.Connection, import_id: UUID) -> Mapping[str, Mapping[str, Any]]:
    """Return the undecided names of the rows that are neither invalid nor skipped, by their keys.

    Each is in its first spelling, with the number of rows, and of those of people who are public.
    """
    names: dict[str, dict[str, Any]] = {}
    for row in queries.rows(conn, "imports/list_facility_names", import_id=import_id):
        counts = {"rows": 0, "public_rows": 0}
        name = names.setdefault(name_key(row.name), {"name": row.name, **counts})
        for field in counts:
            name[field] += getattr(row, field)
    return names


def described(
    conn: queries.Connection, stored: Sequence[Mapping[str, Any]], *, is_applied: bool
) -> Sequence[Mapping[str, Any]]:
    """Return the names of an import as the contract describes them, with candidates as now."""
    names = [] if is_applied else [name["name"] for name in stored]
    candidates = facility_names.alike(conn, names) if names else [()] * len(stored)
    candidates = [hits[:_MAX_CANDIDATES] for hits in candidates]
    ids = list({hit.record.id for hits in candidates for hit in hits})
    rows = queries.rows(conn, "facilities/list_names", ids=ids) if ids else []
    recorded = {row.id: row for row in rows}
    return [
        {
            "name": name["name"],
            "rows": name["rows"],
            "candidates": [
                {
                    "facility_id": hit.record.id,
                    **{field: getattr(recorded[hit.record.id], field) for field in _SHOWN},
                    "score": hit.score,
                }
                for hit in hits
            ],
            "decision": name.get("decision"),
            "facility_id": name.get("facility_id"),
        }
        for name, hits in zip(stored, candidates, strict=True)
    ]


# Decisions.


def are_repeated(
    stored: Sequence[Mapping[str, Any]], decisions: Sequence[Mapping[str, Any]]
) -> bool:
    """Return whether decisions are those with which an import was applied."""
    before = {name_key(name["name"]): _choice(name) for name in stored if name.get("decision")}
    return before == {name_key(sent["name"]): _choice(sent) for sent in decisions}


def _choice(decision: Mapping[str, Any]) -> Sequence[Any]:
    is_same = decision["decision"] == "same"
    id = str(decision["facility_id"]) if is_same else None
    return decision["decision"], id, decision["country"], decision["region"]


def disclosure(name: str) -> str:
    """Return the error of a facility to record that only hidden people of a list are at."""
    return (
        f"Only people who are not named are at {name!r}, and a facility recorded together with "
        "them tells where they are: record it some time before with POST /v1/facilities and decide "
        "same, or decide skip."
    )


class FacilityDecisions:
    """The decisions sent on the undecided names of a list.

    `stored` are the names of its preview. The caller is None for the operator's command.
    """

    def __init__(
        self,
        conn: queries.Connection,
        caller: Caller | None,
        import_id: UUID,
        stored: Sequence[Mapping[str, Any]],
        decisions: Sequence[Mapping[str, Any]],
    ) -> None:
        self._conn = conn
        self._records_new = caller is None or caller.sees_hidden
        self._import_id = import_id
        self._stored = stored
        self._decisions = decisions
        # The index of the first decision on each name, by its key.
        self._first_indexes: dict[str, int] = {}
        for i, sent in enumerate(decisions):
            self._first_indexes.setdefault(name_key(sent["name"]), i)
        # The names of rows that are not skipped, and the facilities that were decided for them.
        self._needed: Mapping[str, Mapping[str, Any]] = {}
        self._ids: dict[str, UUID | None] = {}

    def errors(self) -> Iterator[FieldError]:
        """Yield what is wrong with the decisions. Raise `forbidden` for a facility to record."""
        names = {name_key(name["name"]) for name in self._stored}
        sent_ids = [id for sent in self._decisions if (id := sent["facility_id"]) is not None]
        rows = queries.rows(self._conn, "facilities/list_existing_ids", ids=sent_ids)
        existing = {row.id for row in rows}
        for i, sent in enumerate(self._decisions):
            key, choice, id = name_key(sent["name"]), sent["decision"], sent["facility_id"]
            errors = []
            if key not in names:
                detail = f"No row has an undecided facility {sent['name'][:100]!r}: leave it out."
                errors.append(("name", detail))
            elif self._first_indexes[key] != i:
                errors.append(("name", f"{sent['name']!r} has another decision: send one."))
            if choice == "same" and id is None:
                errors.append(("facility_id", "Is required with the decision same."))
            elif choice != "same" and id is not None:
                errors.append(("facility_id", "Is for the decision same: leave it out."))
            elif id is not None and id not in existing:
                errors.append(("facility_id", "There is no facility with this id."))
            if choice == "new" and sent["country"] is None:
                errors.append(("country", "Is required with the decision new."))
            for field in ("country", "region"):
                if choice != "new" and sent[field] is not None:
                    errors.append((field, "Is for the decision new: leave it out."))
            for field, detail in errors:
                yield FieldError(pointer("facility_decisions", i, field), detail)
            if choice == "new" and not self._records_new:
                detail = "Only a key of scope edit can record a facility: decide same or skip."
                where = pointer("facility_decisions", i, "decision")
                raise RequestError("forbidden", detail, FieldError(where, detail))

    def missing(self) -> Sequence[FieldError]:
        """Return an error for each name of a row that is not skipped, without a decision."""
        if not self._stored:
            return []
        needed = names_of_rows(self._conn, self._import_id)
        self._needed = needed
        return [
            FieldError(
                pointer("facilities", i),
                f"No facility or several are named {name['name'][:100]!r}, in "
                f"{counted(needed[key]['rows'], 'row')}: decide same, new or skip in "
                "facility_decisions.",
            )
            for i, name in enumerate(self._stored)
            if (key := name_key(name["name"])) in needed and key not in self._first_indexes
        ]

    def disclosing(self) -> Sequence[FieldError]:
        """Return an error for each facility to record that only hidden people of the list are at.

        The moments of records are public: such a facility would tell where these people are.
        """
        return [
            FieldError(
                pointer("facility_decisions", i, "decision"),
                disclosure(self._decisions[i]["name"]),
            )
            for key, i in self._first_indexes.items()
            if self._decisions[i]["decision"] == "new"
            and key in self._needed
            and self._needed[key]["public_rows"] == 0
        ]

    def write(self, batch: Batch) -> None:
        """Record new facilities and aliases, and store the decisions.

        A decision on a name whose rows are all skipped records nothing. Raises `facility-exists`.
        """
        if not self._stored:
            return
        sent = {
            key: self._decisions[i] for key, i in self._first_indexes.items() if key in self._needed
        }
        self._ids = {key: decision["facility_id"] for key, decision in sent.items()}
        if batch.accepts and any(decision["decision"] != "skip" for decision in sent.values()):
            # Every writer of a facility locks the names first, so that its row needs no lock. One
            # would make a detention at this facility, whose person is locked, wait for the import.
            facility_names.lock(self._conn)
            ids = [id for id in self._ids.values() if id is not None]
            for row in queries.rows(self._conn, "facilities/list_names", ids=ids):
                self._add_aliases(batch, row)
            for key, decision in sent.items():
                if decision["decision"] == "new":
                    self._ids[key] = self._insert(batch, key, decision)
        queries.run(
            self._conn,
            "imports/update_facilities",
            id=self._import_id,
            facilities=Jsonb([self._as_decided(name) for name in self._stored]),
        )

    def _as_decided(self, name: Mapping[str, Any]) -> Mapping[str, Any]:
        key = name_key(name["name"])
        if key not in self._first_indexes:
            return name
        sent = self._decisions[self._first_indexes[key]]
        return {**sent, **name, "facility_id": self._ids.get(key, sent["facility_id"])}

    def _add_aliases(self, batch: Batch, row: Any) -> None:
        """Add the names that were decided to be a facility's to its aliases.

        Not those that only hidden people have: the change would tell where they are.
        """
        known = {name_key(name) for name in (row.name, *row.aliases)}
        aliases = list(row.aliases)
        max_aliases = document.max_items("FacilityCreate")["aliases"]
        for key, other in self._ids.items():
            is_new = key not in known and self._needed[key]["public_rows"] > 0
            if other == row.id and is_new and len(aliases) < max_aliases:
                aliases.append(self._decisions[self._first_indexes[key]]["name"])
                self._check(key, {**row._asdict(), "aliases": aliases}, row)
        if len(aliases) > len(row.aliases):
            facilities.write_update(self._conn, row, {"aliases": aliases})
            batch.add("facility", row.id, "updated")

    def _insert(self, batch: Batch, key: str, decision: Mapping[str, Any]) -> UUID:
        facility = {name: decision[name] for name in ("name", "country", "region")}
        facility["aliases"] = []
        self._check(key, facility)
        id = facilities.insert(self._conn, facility)
        batch.add("facility", id)
        return id

    def _check(self, key: str, facility: Mapping[str, Any], before: Any = None) -> None:
        """Check that no other facility has the name. Raises `facility-exists`."""
        try:
            facility_names.check(self._conn, facility, (), before)
        except RequestError as error:
            id = error.existing["facility_id"]
            name = self._decisions[self._first_indexes[key]]["name"]
            detail = f"/v1/facilities/{id} has the name {name!r}: decide same with its id, or skip."
            where = pointer("facility_decisions", self._first_indexes[key])
            raise RequestError(
                error.slug, detail, FieldError(where, detail), existing=error.existing
            ) from None

    def completed(self, content: Content) -> Content:
        """Return the content of a row with the facility that was decided."""
        if "facility" not in content:
            return content
        return with_facility(content, self._ids[name_key(content["facility"])])

    def add_to(self, content: Content) -> bool:
        """Return whether the row with this content has a facility by a decision."""
        return "facility" in content and self._ids[name_key(content["facility"])] is not None
