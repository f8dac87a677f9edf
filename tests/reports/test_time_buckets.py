"""The buckets of a timeline, checked with examples and against a clock read every minute."""

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from api.contract import document, schemas, time_zones
from api.errors import RequestError
from api.reports.time_buckets import MAX_BUCKETS, Bucket, Span, buckets

CONTRACT = document.load()
TOLERANCE = timedelta(minutes=5)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def parse(text: str) -> date | datetime:
    """A day, or a moment in UTC."""
    return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)


def span(
    from_: str, until: str | None, bucket: Bucket, time_zone: str, now: datetime = NOW
) -> Span:
    return buckets(parse(from_), until and parse(until), bucket, time_zone, now, TOLERANCE)


def ends(from_: str, until: str | None, bucket: Bucket, time_zone: str) -> list[str]:
    return [f"{end:%Y-%m-%dT%H:%MZ}" for end in span(from_, until, bucket, time_zone).ends]


def errors(*arguments) -> list[tuple[str, str]]:
    with pytest.raises(RequestError) as raised:
        span(*arguments)
    assert raised.value.slug == "validation-error"
    return [(error.pointer, error.detail) for error in raised.value.errors]


# --- Examples -------------------------------------------------------------------------------------


def test_day_starts_and_ends_in_the_time_zone() -> None:
    day = span("2026-01-08", "2026-01-08", "day", "America/Caracas")
    assert day.start == datetime(2026, 1, 8, 4, tzinfo=UTC)
    assert day.ends == [day.until] == [datetime(2026, 1, 9, 4, tzinfo=UTC)]
    assert {moment.tzinfo for moment in (day.start, day.until, *day.ends)} == {UTC}


def test_first_and_last_bucket_are_cut_short() -> None:
    assert ends("2026-01-08T15:20:00Z", "2026-01-10T05:00:00Z", "day", "America/Caracas") == [
        "2026-01-09T04:00Z",
        "2026-01-10T04:00Z",
        "2026-01-10T05:00Z",
    ]


def test_bucket_that_ends_at_until_is_the_last() -> None:
    assert ends("2026-01-08T04:00:00Z", "2026-01-09T04:00:00Z", "day", "America/Caracas") == [
        "2026-01-09T04:00Z"
    ]


@pytest.mark.parametrize(
    ("time_zone", "from_", "until", "expected"),
    [
        # 23 hours, then 25.
        ("Europe/Madrid", "2026-03-28", "2026-03-29", ["28T23:00Z", "29T22:00Z"]),
        ("Europe/Madrid", "2026-10-24", "2026-10-25", ["24T22:00Z", "25T23:00Z"]),
        ("America/New_York", "2026-03-07", "2026-03-08", ["08T05:00Z", "09T04:00Z"]),
        ("America/New_York", "2025-11-01", "2025-11-02", ["02T04:00Z", "03T05:00Z"]),
        # Without a midnight the day starts at one o'clock.
        ("America/Sao_Paulo", "2018-11-03", "2018-11-04", ["04T03:00Z", "05T02:00Z"]),
        ("Asia/Beirut", "2024-03-30", "2024-03-31", ["30T22:00Z", "31T21:00Z"]),
        ("Africa/Cairo", "2024-04-25", "2024-04-26", ["25T22:00Z", "26T21:00Z"]),
        # Of two midnights the first starts the day.
        ("America/Havana", "2024-11-02", "2024-11-03", ["03T04:00Z", "04T05:00Z"]),
        # One minute of the next day, then an hour of this one again.
        ("America/St_Johns", "2010-11-06", "2010-11-07", ["07T02:30Z", "08T03:30Z"]),
        # A skipped day.
        ("Pacific/Apia", "2011-12-29", "2011-12-31", ["30T10:00Z", "31T10:00Z"]),
        ("Pacific/Apia", "2011-12-28", "2011-12-30", ["29T10:00Z", "30T10:00Z"]),
    ],
)
def test_days_follow_changes_of_the_clock(
    time_zone: str, from_: str, until: str, expected: list[str]
) -> None:
    assert [end[8:] for end in ends(from_, until, "day", time_zone)] == expected


def test_start_after_the_clock_went_back_over_midnight_is_in_the_next_day() -> None:
    second_half_past_eleven = "2010-11-07T03:00:00Z"  # 23:30 on the 6th, for the second time
    assert ends(second_half_past_eleven, "2010-11-08", "day", "America/St_Johns") == [
        "2010-11-08T03:30Z",
        "2010-11-09T03:30Z",
    ]


@pytest.mark.parametrize(
    ("time_zone", "from_", "until", "expected"),
    [
        ("America/Caracas", "04:00", "06:30", ["05:00", "06:00", "06:30"]),
        ("Asia/Kolkata", "04:00", "06:00", ["04:30", "05:30", "06:00"]),
        ("Asia/Kathmandu", "04:00", "06:00", ["04:15", "05:15", "06:00"]),
    ],
)
def test_hours_are_full_in_the_time_zone(
    time_zone: str, from_: str, until: str, expected: list[str]
) -> None:
    day = "2026-01-08T"
    hours = ends(f"{day}{from_}:00Z", f"{day}{until}:00Z", "hour", time_zone)
    assert [end[11:16] for end in hours] == expected


@pytest.mark.parametrize(
    ("time_zone", "from_", "until", "expected"),
    [
        # One o'clock is repeated; two o'clock is skipped.
        ("America/New_York", "2025-11-02T04:30", "07:00", ["05:00", "06:00", "07:00"]),
        ("America/New_York", "2026-03-08T05:30", "08:00", ["06:00", "07:00", "08:00"]),
        # 01:30 to 02:00 is repeated, 02:00 to 02:30 is skipped.
        ("Australia/Lord_Howe", "2026-04-04T14:00", "16:30", ["15:00", "15:30", "16:30"]),
        ("Australia/Lord_Howe", "2026-10-03T14:00", "16:00", ["14:30", "15:30", "16:00"]),
        ("America/Caracas", "2007-12-09T06:00", "08:30", ["07:00", "07:30", "08:30"]),
        ("America/Caracas", "2016-05-01T05:30", "08:00", ["06:30", "07:00", "08:00"]),
    ],
)
def test_hours_follow_changes_of_the_clock(
    time_zone: str, from_: str, until: str, expected: list[str]
) -> None:
    hours = ends(f"{from_}:00Z", f"{from_[:11]}{until}:00Z", "hour", time_zone)
    assert [end[11:16] for end in hours] == expected


def test_clock_changed_by_minutes_and_seconds_within_an_hour() -> None:
    """Athens put its clock forward by 25:08 at 00:01."""
    hours = span("1916-07-27T20:00:00Z", "1916-07-28T00:30:00Z", "hour", "Europe/Athens").ends
    assert [f"{end:%H:%M:%S}" for end in hours] == [
        "20:25:08",
        "21:25:08",
        "22:25:08",
        "23:00:00",
        "00:00:00",
        "00:30:00",
    ]


def test_weeks_begin_on_monday() -> None:
    assert ends("2026-01-08", "2026-01-21", "week", "America/Caracas") == [
        "2026-01-12T04:00Z",
        "2026-01-19T04:00Z",
        "2026-01-22T04:00Z",
    ]
    assert ends("2026-01-12", "2026-01-18", "week", "America/Caracas") == ["2026-01-19T04:00Z"]


def test_months_begin_on_the_first() -> None:
    assert ends("2025-12-31", "2026-04-01", "month", "Europe/Madrid") == [
        "2025-12-31T23:00Z",
        "2026-01-31T23:00Z",
        "2026-02-28T23:00Z",
        "2026-03-31T22:00Z",
        "2026-04-01T22:00Z",
    ]


# --- The present and the future -------------------------------------------------------------------


@pytest.mark.parametrize("until", [None, "2026-11-24"])
def test_today_ends_now(until: str | None) -> None:
    today = span("2026-11-23", until, "day", "America/Caracas")
    assert today.ends == [datetime(2026, 11, 24, 4, tzinfo=UTC), NOW]
    assert today.until == NOW


def test_today_depends_on_the_time_zone() -> None:
    """At noon in UTC it is already the next day in Kiritimati."""
    assert span("2026-11-24", "2026-11-25", "day", "Pacific/Kiritimati").until == NOW
    future = ("/until", "Is in the future: send an earlier one.")
    assert errors("2026-11-24", "2026-11-25", "day", "America/Caracas") == [future]


def test_clock_of_a_caller_may_be_five_minutes_ahead() -> None:
    assert span("2026-11-24", "2026-11-24T12:05:00Z", "hour", "UTC").until == NOW + TOLERANCE
    future = ("/until", "Is in the future: send an earlier one.")
    assert errors("2026-11-24", "2026-11-24T12:05:01Z", "hour", "UTC") == [future]


# --- Errors ---------------------------------------------------------------------------------------


def test_future_is_an_error_of_both_parameters() -> None:
    both = [
        ("/from", "Is in the future: send an earlier one."),
        ("/until", "Is in the future: send an earlier one."),
    ]
    assert errors("2026-11-25", "2026-11-26", "day", "America/Caracas") == both
    assert errors("9999-12-31", "9999-12-31", "day", "America/Caracas") == both
    last = "9999-12-31T23:59:59.999999+00:00"
    assert errors(last, last, "hour", "Pacific/Kiritimati") == both
    assert errors("2026-11-25", None, "day", "America/Caracas") == both[:1]


@pytest.mark.parametrize(
    ("from_", "until"),
    [
        ("2026-01-09", "2026-01-08"),
        ("2026-01-08T04:00:00Z", "2026-01-08T04:00:00Z"),
        ("2026-01-09T04:00:00Z", "2026-01-08"),
        ("2026-11-24T12:05:00Z", None),
        ("2026-01-08", "0001-01-01"),
        ("2026-01-08", "0001-01-01T00:00:00Z"),
    ],
)
@pytest.mark.parametrize("bucket", ["hour", "day", "week", "month"])
def test_from_must_be_before_until(from_: str, until: str | None, bucket: Bucket) -> None:
    assert errors(from_, until, bucket, "America/Caracas") == [("/from", "Must be before until.")]


def test_skipped_day_is_an_empty_period() -> None:
    assert errors("2011-12-30", "2011-12-30", "day", "Pacific/Apia") == [
        ("/from", "Must be before until.")
    ]


@pytest.mark.parametrize("from_", ["0001-01-01", "0001-01-01T00:00:00Z", "0001-12-31"])
@pytest.mark.parametrize("time_zone", ["America/Caracas", "Pacific/Kiritimati", "UTC"])
def test_year_one_is_an_error(from_: str, time_zone: str) -> None:
    too_early = ("/from", "Is too far in the past: send a day after the year 1.")
    for bucket in ("hour", "day", "week", "month"):
        assert errors(from_, None, bucket, time_zone) == [too_early]
        assert errors(from_, from_, bucket, time_zone) == [too_early]
        future = ("/until", "Is in the future: send an earlier one.")
        assert errors(from_, "2027-01-01", bucket, time_zone) == [too_early, future]
    assert len(span("0002-01-01", "0002-01-02", "day", time_zone).ends) == 2


def too_many(count: str) -> tuple[str, str]:
    return (
        "/bucket",
        f"Gives {count} buckets, more than 1,000. "
        "Send a longer bucket, such as week, or a shorter period.",
    )


def test_more_than_1000_buckets_are_an_error() -> None:
    year = ("2025-01-01", "2025-12-31")
    assert errors(*year, "hour", "America/Caracas") == [too_many("8,760")]
    first = datetime(2026, 1, 1, tzinfo=UTC)
    full = str(first + timedelta(hours=MAX_BUCKETS))
    assert len(span(str(first), full, "hour", "UTC").ends) == MAX_BUCKETS
    assert errors(str(first), str(datetime.fromisoformat(full) + MINUTE), "hour", "UTC") == [
        too_many("1,001")
    ]
    assert errors("2022-01-01", "2025-12-31", "day", "UTC") == [too_many("1,461")]
    assert errors("1901-01-01", "2000-12-31", "month", "UTC") == [too_many("1,200")]


@pytest.mark.parametrize(
    ("bucket", "count"),
    [("hour", "17,739,420"), ("day", "739,143"), ("week", "105,592"), ("month", "24,285")],
)
def test_number_of_far_too_many_buckets_is_estimated(bucket: Bucket, count: str) -> None:
    assert errors("0002-01-01", "2025-09-14T12:00:00Z", bucket, "UTC") == [too_many(count)]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "America",
        "America/",
        "America/Caracas ",
        "america/caracas",
        "America/../America/Caracas",
        "../../../etc/passwd",
        "/usr/share/zoneinfo/UTC",
        "posix/UTC",
        "right/UTC",
        "posixrules",
        "localtime",
        "Factory",
        "tzdata.zi",
        "UTC\0",
        "+04:00",
        "VET",
        "\ud800",
        "A" * 100_000,
    ],
)
def test_unknown_time_zone_is_an_error(name: str) -> None:
    assert name not in time_zones.names()
    parameter = CONTRACT.document["components"]["parameters"]["TimeZone"]["schema"]
    schema = schemas.parameters_schema({"time_zone": (False, parameter)})
    with pytest.raises(ValidationError):
        schema.load({"time_zone": name})


def test_known_time_zones() -> None:
    assert {"America/Caracas", "UTC", "Etc/GMT+4"} <= time_zones.names()


# --- Properties -----------------------------------------------------------------------------------

zones = st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"}))
bucket_kinds = st.sampled_from(["hour", "day", "week", "month"])
# Not earlier: in 1919 Toronto's clock went forward at 23:30, over the start of a day.
FIRST = date(1920, 1, 1)
moments = st.integers(0, 106 * 365 * 24 * 60).map(
    lambda minutes: datetime.combine(FIRST, time(), UTC) + minutes * MINUTE
)

many_examples = settings(max_examples=300, deadline=None)


@many_examples
@given(moments, st.floats(0.001, 990), bucket_kinds, zones)
def test_ends_are_in_order_and_start_a_new_period_of_the_clock(
    start: datetime, length: float, bucket: Bucket, name: str
) -> None:
    until = start + (timedelta(hours=length) if bucket == "hour" else timedelta(days=length))
    assume(until <= NOW)
    result = buckets(start, until, bucket, name, NOW, TOLERANCE)
    assert (result.start, result.until, result.ends[-1]) == (start, until, until)
    edges = [start, *result.ends]
    assert all(edge < end for edge, end in zip(edges, result.ends, strict=False))
    for end in result.ends[:-1]:
        before, at = (
            moment.astimezone(ZoneInfo(name)) for moment in (end - datetime.resolution, end)
        )
        if bucket == "hour":
            assert (at.minute, at.second, at.microsecond) == (0, 0, 0) or (
                (before.minute, before.second, before.microsecond) == (59, 59, 999_999)
            )
        else:
            assert period(before, bucket) < period(at, bucket)


def period(local: datetime, bucket: Bucket) -> tuple[int, ...]:
    """The day, week or month of a local time."""
    if bucket == "day":
        return (local.year, local.month, local.day)
    return local.isocalendar()[:2] if bucket == "week" else (local.year, local.month)


@many_examples
@given(moments, st.integers(1, 990), st.sampled_from(["week", "month"]), zones)
def test_weeks_and_months_end_with_days(
    start: datetime, days: int, bucket: Bucket, name: str
) -> None:
    until = start + timedelta(days=days)
    assume(until <= NOW)

    def starts_period(end: datetime) -> bool:
        before, at = (
            moment.astimezone(ZoneInfo(name)) for moment in (end - datetime.resolution, end)
        )
        return period(before, bucket) != period(at, bucket)

    by_day = buckets(start, until, "day", name, NOW, TOLERANCE).ends[:-1]
    ends = buckets(start, until, bucket, name, NOW, TOLERANCE).ends[:-1]
    assert ends == [end for end in by_day if starts_period(end)]


@many_examples
@given(st.dates(FIRST, date(2024, 1, 1)), st.integers(1, 990), zones)
def test_each_day_of_the_zone_has_one_bucket(first: date, days: int, name: str) -> None:
    result = buckets(first, first + timedelta(days=days), "day", name, NOW, TOLERANCE)
    edges = [result.start, *result.ends]
    bucket_numbers = []
    for day in (first + timedelta(days=n) for n in range(days + 1)):
        # At five in the afternoon, when no clock was ever changed.
        at_17 = datetime.combine(day, time(17), ZoneInfo(name))
        moment = at_17.astimezone(UTC)
        if moment.astimezone(ZoneInfo(name)) == at_17:  # otherwise the zone skipped the day
            bucket_numbers.append(bisect_right(edges, moment))
    assert bucket_numbers == list(range(1, len(edges)))


# Since 1972 the offsets of all zones are whole minutes.
FIRST_DAY = datetime(1973, 1, 1, tzinfo=UTC)


@cache
def clock_change_days(name: str) -> list[datetime]:
    """The days on which a zone's clock is changed; 1973-01-03 if there are none."""
    days = [FIRST_DAY + n * DAY for n in range((NOW - FIRST_DAY).days)]
    offsets = [day.astimezone(ZoneInfo(name)).utcoffset() for day in days]
    changes = [day for day, a, b in zip(days, offsets, offsets[1:], strict=False) if a != b]
    return changes or [FIRST_DAY + 2 * DAY]


@settings(max_examples=120, deadline=None)
@given(st.data(), zones, st.integers(-2880, 2880), st.integers(1, 4000))
def test_hours_and_days_agree_with_a_clock_read_every_minute(
    data: st.DataObject, name: str, offset: int, length: int
) -> None:
    start = data.draw(st.sampled_from(clock_change_days(name))) + offset * MINUTE
    until = start + length * MINUTE
    assume(until <= NOW)
    # From two days before, to know which day has started.
    moments_read = [start + n * MINUTE for n in range(-2880, length)]
    local = [moment.astimezone(ZoneInfo(name)) for moment in moments_read]
    hours, days, latest = [], [], local[0].date()
    for moment, before, at in zip(moments_read[1:], local, local[1:], strict=False):
        if moment > start and (before.minute == 59 or at.minute == 0):
            hours.append(moment)
        if at.date() > latest:
            latest = at.date()
            if moment > start:
                days.append(moment)
    assert buckets(start, until, "hour", name, NOW, TOLERANCE).ends == [*hours, until]
    assert buckets(start, until, "day", name, NOW, TOLERANCE).ends == [*days, until]
