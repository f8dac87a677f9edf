"""What can go wrong, without HTTP: a kind, a sentence for the caller, and every fault found."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of what a caller sent: where (JSON Pointer, RFC 6901) and what to change."""

    pointer: str
    detail: str


MAX_FAULTS = 100
"""How many faults of one request are named: beyond them an answer outgrows its question."""


class Refusal(Exception):  # noqa: N818 - what it is: the service works as it should
    """A request that is not carried out. `kind` is a slug of the contract's `x-problems`."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *faults: Fault,
        release_event_id: UUID | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.faults = faults
        self.release_event_id = release_event_id


def invalid(*faults: Fault) -> Refusal:
    """The refusal of a request that is well formed but wrong."""
    places = "1 place" if len(faults) == 1 else f"{len(faults)} places"
    first = faults[:MAX_FAULTS]
    told = "see errors." if first == faults else f"errors names the first {MAX_FAULTS}."
    return Refusal("validation-error", f"The request is wrong in {places}: {told}", *first)


def not_found(what: str) -> Refusal:
    return Refusal("not-found", f"There is no {what} with this id.")
