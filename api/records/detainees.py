"""Detainees: people who are or were held."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from api import access
from api.access import Caller
from api.database import clock, key_versions, queries
from api.database.ledger import Change
from api.errors import FieldError, RequestError, future_day, invalid
from api.matching import blocking_keys, candidates
from api.matching.external_ids import external_id_key, is_placeholder, names_minor
from api.records import writes
from api.records.writes import Affected, Body
from api.verification import verdicts
from api.wording import vocabulary

# With a digit, which no name of a person called Person has.
_ALTERED_PSEUDONYM = re.compile(
    r"\s*persona?\W*(?=[a-z]*\d)[0-9a-hjkmnp-tv-z]{6}\s*", re.IGNORECASE
)


def create(conn: queries.Connection, caller: Caller, body: Body) -> UUID:
    """Check and insert a person; return the id. Only an `edit` key may set `withheld`."""
    _check_withheld(caller, body["withheld"])
    check(conn, body)
    id = insert(conn, body, accepted=access.accepts(caller))
    verdicts.recompute(conn, caller, [Change("detainee", id, "created")])
    _check_other_people(conn, caller, id, body)
    return id


def _check_other_people(
    conn: queries.Connection, caller: Caller, person_id: UUID, body: Body
) -> None:
    """Check that no other visible person has one of the external ids. Raises `external-id-exists`.

    The ledger is locked by now, so that every concurrent write is seen, those of imports included.
    A hidden person is no obstacle to a caller who does not see hidden people: the response must
    not depend on that person.
    """
    external_ids = body["external_ids"]
    if not external_ids:
        return
    existing = queries.row(
        conn,
        "detainees/find_with_external_id",
        id_keys=[external_id_key(id["scheme"], id["value"]) for id in external_ids],
        sees_hidden=caller.sees_hidden,
        id=person_id,
    )
    if existing is not None:
        id = external_ids[existing.number - 1]
        raise RequestError(
            "external-id-exists",
            f"The person /v1/detainees/{existing.id} has the external id {id['value']!r} in "
            f"{id['scheme']}. Use that record, or correct the id.",
            existing={"detainee_id": existing.id},
        )


def holders(
    conn: queries.Connection, external_ids: Sequence[Mapping[str, str]], *, sees_hidden: bool
) -> Mapping[str, set[UUID]]:
    """Return the visible people who have external ids, by the key of the id."""
    keys = list({external_id_key(id["scheme"], id["value"]) for id in external_ids})
    people: dict[str, set[UUID]] = {}
    if keys:
        for row in queries.rows(
            conn, "detainees/find_with_external_id", id_keys=keys, sees_hidden=sees_hidden
        ):
            people.setdefault(keys[row.number - 1], set()).add(row.id)
    return people


def check(conn: queries.Connection, detainee: Body) -> None:
    """Check the names and the external ids of a person, and the birth date against the clock."""
    _raise(
        *_name_errors(detainee),
        *_external_id_errors(detainee["external_ids"]),
        *_birth_date_errors(conn, detainee),
    )


def _raise(*errors: FieldError) -> None:
    """Raise all errors of a person at once, if there are any."""
    if errors:
        raise invalid(*errors)


def _external_id_errors(external_ids: Sequence[Mapping[str, str]]) -> Iterator[FieldError]:
    """Yield an error for each external id that is a placeholder such as S/N."""
    for number, id in enumerate(external_ids):
        if is_placeholder(id["value"]):
            yield FieldError(
                f"/external_ids/{number}/value",
                f"{id['value']!r} is a placeholder, which identifies nobody: leave this id out.",
            )


def check_proposed(conn: queries.Connection, caller: Caller, id: UUID, body: Body) -> None:
    """Check an update of a hidden person by a caller who does not see them.

    The statements and the response depend on the body and on visible people alone.
    """
    _check_hidden_values(caller, body, is_hidden=True)
    _raise(*_name_errors(body), *_external_id_errors(body.get("external_ids", ())))
    if "external_ids" in body:
        _check_other_people(conn, caller, id, body)


def _birth_date_errors(conn: queries.Connection, detainee: Body) -> Iterator[FieldError]:
    if detainee["birth_date"] is not None and (
        error := birth_date_error(detainee, clock.now(conn))
    ):
        yield error


def is_hidden(conn: queries.Connection, id: UUID) -> bool:
    """Return whether a person is a minor or withheld."""
    return bool(hidden_among(conn, [id]))


def hidden_among(conn: queries.Connection, ids: Collection[UUID]) -> Collection[UUID]:
    """Return those of some people who are minors or withheld."""
    if not ids:
        return ()
    rows = queries.rows(conn, "verification/list_hidden_people", detainee_ids=list(ids))
    return {row.id for row in rows}


def is_pseudonym(name: str) -> bool:
    """Return whether a name has the form of a pseudonym, as the SQL function pseudonym() has.

    Also as pages show it in Spanish, in other letters or with other spaces, as someone may have
    copied it.
    """
    return any(form.fullmatch(name) for form in (vocabulary.PSEUDONYM, _ALTERED_PSEUDONYM))


def check_names(detainee: Body) -> None:
    """Check the name and the aliases of a person who is to be named.

    None may be a pseudonym, or say that the person is a minor.
    """
    _raise(*_name_errors(detainee))


def check_new_aliases(before: Body, after: Body, listed: Body) -> None:
    """Check those of the listed names that are new aliases of a recorded person."""
    new = {*after["aliases"]} - {*before["aliases"]}
    name, *aliases = (
        name if name in new else "" for name in (listed["name"], *listed.get("aliases", ()))
    )
    check_names({**after, "name": name, "aliases": aliases})


def _name_errors(detainee: Body) -> Iterator[FieldError]:
    if detainee.get("withheld"):
        return
    named = [("/name", detainee.get("name", ""), "send the name.")]
    named += [
        (f"/aliases/{i}", alias, "leave it out.")
        for i, alias in enumerate(detainee.get("aliases", ()))
    ]
    for pointer, name, remedy in named:
        if is_pseudonym(name):
            yield FieldError(pointer, f"{name!r} is the pseudonym of a hidden person: {remedy}")
        elif detainee.get("age_group") != "minor" and names_minor(name):
            detail = (
                f"{name!r} says that the person is a minor: write the name alone, and the age "
                "group minor."
            )
            yield FieldError(pointer, detail)


def birth_date_error(detainee: Body, now: datetime) -> FieldError | None:
    """Return the error of a birth date in the future, or of a minor with another age group."""
    born = detainee["birth_date"]
    return None if born is None else birth_error(born.isoformat(), detainee["age_group"], now)


def birth_error(born: str, age_group: str, now: datetime) -> FieldError | None:
    """Return the error of a day, month or year of birth, in ISO 8601.

    A person who may be a minor needs an age group: a name that was public cannot be called back.
    """
    today = now.date().isoformat()
    # ISO 8601 sorts as text.
    adult_since = access.adult_since(now.date())[: len(born)]
    if born > today[: len(born)]:
        return future_day("/birth_date", born)
    if born > adult_since and age_group != "minor":
        detail = f"The age group must be minor: the birth date {born} is less than 18 years ago."
        return FieldError("/age_group", detail)
    if born == adult_since and len(born) < len(today) and age_group == "unknown":
        detail = (
            f"A person who was born in {born} may be a minor: write the age group (adult or minor) "
            "or the day of birth."
        )
        return FieldError("/age_group", detail)
    return None


def insert(conn: queries.Connection, body: Body, id: UUID | None = None, *, accepted: bool) -> UUID:
    """Insert a person with the name keys; return the id."""
    new_id = writes.insert(conn, "detainees/insert", id, **_row(body), accepted=accepted)
    candidates.index_new_people(conn, [(new_id, [body["name"], *body["aliases"]])])
    return new_id


def insert_many(conn: queries.Connection, bodies: Sequence[Body], *, accepted: bool) -> list[UUID]:
    """Insert people with their name keys; return the ids, in the order of the bodies."""
    rows = [{**_row(body), "accepted": accepted} for body in bodies]
    ids = writes.insert_many(conn, "detainees/insert", rows)
    names = ([body["name"], *body["aliases"]] for body in bodies)
    candidates.index_new_people(conn, list(zip(ids, names, strict=True)))
    return ids


def update(
    conn: queries.Connection,
    caller: Caller,
    id: UUID,
    body: Body,
    check_precondition: Callable[[], None],
) -> None:
    """Update a person and count them again. Only an `edit` key may change who is hidden.

    The caller sees the person: to others the update is a proposal.
    """

    def write(row: Any) -> Affected:
        before = row._asdict()
        after = {**before, **body}
        _check_hidden_values(caller, body, is_hidden=False)
        has_birth_date_changes = bool(body.keys() & {"birth_date", "age_group"})
        _raise(
            *_name_errors(after),
            *_external_id_errors(body.get("external_ids", ())),
            *(_birth_date_errors(conn, after) if has_birth_date_changes else ()),
        )
        write_update(conn, id, before, body, accepted=access.accepts(caller))
        return Affected(people=[id])

    writes.update(
        conn,
        caller,
        "detainee",
        id,
        check_precondition,
        lock=lambda: queries.row(conn, "detainees/lock", id=id),
        write=write,
    )
    if "external_ids" in body:
        _check_other_people(conn, caller, id, body)


def write_update(
    conn: queries.Connection, id: UUID, before: Body, body: Body, *, accepted: bool
) -> None:
    """Write a checked update of a locked person, with the name keys."""
    queries.run(conn, "detainees/update", id=id, **_row(body), accepted=accepted)
    # Other values change no name key.
    if body.keys() & {"name", "aliases", "birth_date", "age_group", "withheld"}:
        after = {**before, **body}
        candidates.index_person(conn, id, [after["name"], *after["aliases"]])


def lock_canonical(conn: queries.Connection, id: UUID) -> UUID | None:
    """Lock the person that an id leads to and return the canonical id; None for an unknown id."""

    def lock_row(id: UUID) -> UUID | None:
        return None if queries.row(conn, "detainees/lock", id=id) is None else id

    return writes.lock_canonical(conn, "detainee", id, lock_row)


def reindex_names(conn: queries.Connection, progress: Callable[[str], Any]) -> None:
    """Rebuild the name keys of all people if the rules that make them have changed.

    Works in blocks, so that other writers wait for one block at most. After an interruption it
    starts from the beginning. `progress` takes lines of text.
    """

    def write_keys() -> None:
        done, after = 0, None
        while people := _reindex_block(conn, after):
            done, after = done + len(people), people[-1].id
            if done % 10_000 == 0:
                progress(f"{done:,} names indexed")
        if done % 10_000:
            progress(f"{done:,} names indexed")

    key_versions.rebuild(conn, "detainee", blocking_keys.rules_digest(), write_keys)


def _reindex_block(conn: queries.Connection, after: UUID | None) -> Sequence[Any]:
    with conn.transaction():
        people = queries.rows(
            conn,
            "matching/lock_people_to_index",
            **queries.drop_none(after=after),
            limit=queries.BLOCK_SIZE,
        )
        for person in people:
            candidates.index_person(conn, person.id, [person.name, *person.aliases])
    return people


def _check_hidden_values(caller: Caller, body: Body, *, is_hidden: bool) -> None:
    """Check that only an editor hides a person, discloses one, or changes why one is hidden.

    The responses are the same for all hidden people: they must not reveal whether one is a minor.
    """
    if caller.sees_hidden:
        return
    if "age_group" in body and (is_hidden or body["age_group"] == "minor"):
        check_may_hide(caller)
    if "birth_date" in body and is_hidden:
        raise RequestError(
            "forbidden",
            "Only a key of scope edit can change the birth date of a person who is not named.",
        )
    if "withheld" in body:
        _check_withheld(caller, is_hidden or body["withheld"])


def check_may_hide(caller: Caller | None) -> None:
    """Raise `forbidden` if a caller may not hide recorded people. None is the operator."""
    if caller is not None and not caller.sees_hidden:
        raise RequestError(
            "forbidden", "Only a key of scope edit can make a recorded person a minor, or undo it."
        )


def _check_withheld(caller: Caller, withheld: bool) -> None:
    if withheld and not caller.sees_hidden:
        raise RequestError("forbidden", "Only a key of scope edit can change withheld.")


def _row(body: Body) -> Mapping[str, Any]:
    if "external_ids" not in body:
        return body
    return {**body, "external_ids": Jsonb(body["external_ids"])}
