"""The errors of a request, without HTTP: problem slug, detail, and an error for each field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

MAX_ERRORS = 100
"""The most errors that one response lists, so that a response cannot outgrow its request."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """An error at one place of a request: a JSON Pointer (RFC 6901), and what to send instead."""

    pointer: str
    detail: str


class RequestError(Exception):
    """A request that is refused. `slug` is a key of the contract's `x-problems`.

    `existing` is the recorded resource that stands in the way: its id by the problem's property.
    """

    def __init__(
        self,
        slug: str,
        detail: str,
        *errors: FieldError,
        existing: Mapping[str, UUID] | None = None,
    ) -> None:
        super().__init__(detail)
        self.slug = slug
        self.detail = detail
        self.errors: Sequence[FieldError] = errors
        self.existing = dict(existing or {})


def invalid(*errors: FieldError) -> RequestError:
    """Return the error for a request that is well-formed but has invalid values."""
    places = "1 place" if len(errors) == 1 else f"{len(errors)} places"
    listed = errors[:MAX_ERRORS]
    where = "See errors." if listed == errors else f"The first {MAX_ERRORS} are listed in errors."
    return RequestError("validation-error", f"The request is invalid in {places}. {where}", *listed)


def future_moment(pointer: str) -> FieldError:
    """Return the error for a question about a future moment."""
    return FieldError(pointer, "Is in the future: send an earlier one.")


def future_record(pointer: str) -> FieldError:
    """Return the error for a record with a moment in the future (`clock.TOLERANCE`)."""
    detail = "Is more than five minutes in the future: check the date and the offset."
    return FieldError(pointer, detail)


def future_day(pointer: str, day: object) -> FieldError:
    """Return the error for a record or a question with a day in the future."""
    return FieldError(pointer, f"{day} is in the future: send an earlier day.")


def counted(count: int, noun: str) -> str:
    """Return a count of things in words for a message: `1 row`, `1,200 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def dated(day: str) -> str:
    """Return a day, month or year in words for a message: `on 2024-02-09`, `in 2024-02`."""
    return f"on {day}" if len(day) == len("2024-02-09") else f"in {day}"


def not_found(resource: str) -> RequestError:
    """Return the error for an id that names no such resource."""
    return RequestError("not-found", f"There is no {resource} with this id.")


def pointer(*steps: object) -> str:
    """Return the JSON Pointer (RFC 6901) to a place: `pointer("rows", 2)` is "/rows/2"."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def steps_of(pointer: str) -> list[str]:
    """Return the steps of a JSON Pointer: those of "/rows/2" are "rows" and "2"."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
