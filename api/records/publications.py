"""Checks that attestations and claims share: of sources, relays and times of publication."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from api.database import clock, queries
from api.errors import FieldError, RequestError, future_record, invalid
from api.records.writes import Body

Error = tuple[str, FieldError]
"""A slug and an error. The problem has the slug if all errors share it."""

NOT_RETRACTED = {"retracted_at": None, "retraction_note": None}


def source_errors(
    conn: queries.Connection, publication: Body, *, sees_hidden: bool
) -> Iterator[Error]:
    """Yield an error for each unknown source: the publication's own, and relayed ones.

    For a caller who does not see confidential sources there are none. The id of one may have been
    public before: a response would reveal its organisation, and a preview its attestations.
    """
    sources = {"/source_id": publication["source_id"], **dict(relayed(publication, "source_id"))}
    rows = queries.rows(conn, "sources/list_by_ids", ids=list(sources.values()))
    existing = {row.id for row in rows if sees_hidden or not row.confidential}
    for pointer, id in sources.items():
        if id not in existing:
            yield "validation-error", FieldError(pointer, "There is no source with this id.")


def relayed(publication: Body, name: str) -> Iterator[tuple[str, UUID]]:
    """Yield the JSON Pointer and the id of each relay that has the property `name`."""
    for i, relay in enumerate(publication["relays"]):
        if name in relay:
            yield f"/relays/{i}/{name}", relay[name]


def time_errors(publication: Body, now: datetime) -> Iterator[Error]:
    """Yield an error for each impossible time: of the publication, and of its retraction."""
    if publication["published_at"] > now + clock.TOLERANCE:
        yield "published-in-the-future", future_record("/published_at")
    if (retracted_at := publication.get("retracted_at")) is not None:
        for error in _retraction_errors(retracted_at, publication["published_at"], now):
            yield "validation-error", error


def check_retraction(retracted_at: datetime, published_at: datetime, now: datetime) -> None:
    """Check that a publication was retracted after it was published, and by now."""
    if errors := list(_retraction_errors(retracted_at, published_at, now)):
        raise invalid(*errors)


def _retraction_errors(
    retracted_at: datetime, published_at: datetime, now: datetime
) -> Iterator[FieldError]:
    if retracted_at < published_at:
        detail = f"Must not be before published_at, {clock.rfc3339(published_at)}."
        yield FieldError("/retracted_at", detail)
    if retracted_at > now + clock.TOLERANCE:
        yield future_record("/retracted_at")


def raise_errors(noun: str, errors: Sequence[Error]) -> None:
    """Raise all errors of a publication at once, under their slug if they share one."""
    if errors:
        slugs = {slug for slug, _ in errors}
        raise RequestError(
            slugs.pop() if len(slugs) == 1 else "validation-error",
            f"The {noun} is invalid. See errors.",
            *(error for _, error in errors),
        )
