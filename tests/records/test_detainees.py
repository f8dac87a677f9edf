"""Birth dates of minors, also of those of whom a list has only the year. Pure."""

from datetime import UTC, datetime

import pytest

from api.records.detainees import birth_error

NOW = datetime(2026, 11, 29, tzinfo=UTC)
LEAP_DAY = datetime(2028, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("born", "now", "accepted"),
    [
        ("2008-11-29", NOW, {"minor", "adult", "unknown"}),
        ("2008-11-30", NOW, {"minor"}),
        ("2026-11-29", NOW, {"minor"}),
        ("2026-11-30", NOW, set()),
        ("2010-02-28", LEAP_DAY, {"minor", "adult", "unknown"}),
        ("2010-03-01", LEAP_DAY, {"minor"}),
        ("2008-10", NOW, {"minor", "adult", "unknown"}),
        ("2008-11", NOW, {"minor", "adult"}),
        ("2008-12", NOW, {"minor"}),
        ("2026-12", NOW, set()),
        ("2007", NOW, {"minor", "adult", "unknown"}),
        ("2008", NOW, {"minor", "adult"}),
        ("2009", NOW, {"minor"}),
        ("2027", NOW, set()),
    ],
)
def test_who_is_a_minor_needs_the_age_group(born: str, now: datetime, accepted: set[str]) -> None:
    groups = ("minor", "adult", "unknown")
    assert {group for group in groups if birth_error(born, group, now) is None} == accepted
    details = [error.detail for group in groups if (error := birth_error(born, group, now))]
    assert all(f" {born} " in f" {detail}" for detail in details)
