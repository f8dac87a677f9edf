"""Handlers' parameters: groups of the contract's parameters as one value."""

from dataclasses import dataclass

from api.access import Caller
from api.contract import binding


@dataclass(frozen=True)
class Filters:
    sex: str | None
    country: str | None


def handler(conn: object, caller: Caller, filters: Filters, limit: int) -> None: ...


def test_dataclass_is_a_group_unless_it_is_the_caller() -> None:
    assert binding.combined(handler) == {"filters": Filters}
    assert binding.parameter_names(handler) == {"conn", "caller", "sex", "country", "limit"}


def test_arguments_are_grouped() -> None:
    arguments = {"limit": 5, "sex": "female", "country": None}
    combined = binding.combined(handler)
    assert binding.combine(combined, arguments) == {"limit": 5, "filters": Filters("female", None)}
    assert binding.combine({}, arguments) == arguments
