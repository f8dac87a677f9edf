"""The names of facilities: one place has one record, unless an editor says that two are different.

Names are compared as those of sources are, and within a country. Two regions are two places.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from api.database import key_versions, queries
from api.errors import FieldError, RequestError, invalid
from api.identity import name_similarity
from api.identity.name_similarity import Hit, Match, RecordName, exact_key, name_key

MAX_POSSIBLE_DUPLICATES = 10


def lock(conn: queries.Connection) -> None:
    """Lock the names of all facilities until the end of the transaction."""
    queries.run(conn, "facilities/lock_names")


def with_name(
    conn: queries.Connection, name: str, country: str, region: str | None
) -> Sequence[UUID]:
    """Return the facilities of a country with a name or alias, but for those of another region."""
    return list(_sharing(conn, [name], country, region))


def _sharing(
    conn: queries.Connection, names: Sequence[str], country: str, region: str | None
) -> Mapping[UUID, str]:
    """Return the facilities that have one of these names, by id in order of creation."""
    by_key = {exact_key(name): name for name in names}
    rows = queries.rows(conn, "facilities/list_by_keys", keys=list(by_key), country=country)
    return {row.id: by_key[row.key] for row in rows if not are_apart(row.region, region)}


def are_apart(region: str | None, other: str | None) -> bool:
    """Return whether two regions are known and different."""
    return None not in (region, other) and name_key(region or "") != name_key(other or "")


def check(
    conn: queries.Connection,
    facility: Mapping[str, Any],
    distinct_from: Sequence[UUID],
    before: Any = None,
) -> None:
    """Check that no other facility has the name or an alias, apart from those of `distinct_from`.

    The names are locked. `before` is the row of a recorded facility: others with which it shares a
    name already are left out. Raises `facility-exists`.
    """
    id = None if before is None else before.id
    rows = queries.rows(conn, "facilities/list_existing_ids", ids=list(distinct_from))
    existing = {row.id for row in rows}
    errors = [
        FieldError(
            f"/distinct_from/{i}",
            "Must be another facility." if other == id else "There is no facility with this id.",
        )
        for i, other in enumerate(distinct_from)
        if other == id or other not in existing
    ]
    if errors:
        raise invalid(*errors)
    different = {id, *distinct_from}
    if before is not None:
        names = [before.name, *before.aliases]
        different.update(_sharing(conn, names, before.country, before.region))
    names = [facility["name"], *facility["aliases"]]
    sharing = _sharing(conn, names, facility["country"], facility["region"])
    for other, name in sharing.items():
        if other not in different:
            raise RequestError(
                "facility-exists",
                f"There is a facility with the name {name[:100]!r}: /v1/facilities/{other}. Use "
                "it, or send its id in distinct_from if the two are different.",
                existing={"facility_id": other},
            )


def write_keys(conn: queries.Connection, id: UUID, name: str, aliases: Sequence[str]) -> None:
    """Write the keys by which a facility with these names is found."""
    keys = list(_facility(id, name, aliases).keys)
    queries.run(conn, "facilities/delete_keys", id=id, keys=keys)
    queries.run(conn, "facilities/insert_keys", id=id, keys=keys)


def reindex(conn: queries.Connection) -> None:
    """Rebuild the keys of all facilities if the rules that make them have changed."""

    def write_all() -> None:
        with conn.transaction():
            lock(conn)
            for row in queries.rows(conn, "facilities/list_names"):
                write_keys(conn, row.id, row.name, row.aliases)

    key_versions.rebuild(conn, "facility", name_similarity.rules_digest(), write_all)


def possible_duplicates(
    conn: queries.Connection, id: UUID, distinct_from: Sequence[UUID]
) -> Sequence[Match]:
    """Return the facilities of the same country that may be this one, best first."""
    max_facilities = name_similarity.MAX_RECORDS_PER_KEY
    rows = queries.rows(conn, "facilities/list_similar", id=id, max_facilities=max_facilities)
    facilities = {row.id: _facility(row.id, row.name, row.aliases) for row in rows}
    others = (facility for facility in facilities.values() if facility.id not in distinct_from)
    return name_similarity.similar(facilities[id], others)[:MAX_POSSIBLE_DUPLICATES]


def search(conn: queries.Connection, name: str, country: str | None) -> Sequence[UUID]:
    """Return the facilities with a name or alias like a name, best first."""
    asked = _facility(UUID(int=0), name, ())
    rows = queries.rows(
        conn,
        "facilities/find_by_name",
        keys=list(asked.keys),
        max_per_key=name_similarity.MAX_RECORDS_PER_KEY,
        **queries.drop_none(country=country),
    )
    facilities = (_facility(row.id, row.name, row.aliases) for row in rows)
    return [hit.record.id for hit in name_similarity.ranked(asked, facilities)]


def alike(conn: queries.Connection, names: Sequence[str]) -> Sequence[Sequence[Hit]]:
    """Return, for each name, facilities of any country with a name or alias like it, best first."""
    asked = [_facility(UUID(int=0), name, ()) for name in names]
    keys = [(i, key) for i, name in enumerate(asked) for key in name.keys]
    rows = queries.rows(
        conn,
        "facilities/find_by_names",
        indexes=[i for i, _ in keys],
        keys=[key for _, key in keys],
        max_per_key=name_similarity.MAX_RECORDS_PER_KEY,
    )
    facilities: list[list[RecordName]] = [[] for _ in names]
    for row in rows:
        facilities[row.index].append(_facility(row.id, row.name, row.aliases))
    return [name_similarity.ranked(*pair) for pair in zip(asked, facilities, strict=True)]


def _facility(id: UUID, name: str, aliases: Sequence[str]) -> RecordName:
    return RecordName(id, name, other_names=tuple(aliases), is_facility=True)
