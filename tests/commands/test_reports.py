"""The commands counts and explain."""

from tests.commands.running import check_error, constancia


def test_invalid_arguments_are_errors(database: str) -> None:
    unknown = "019b9f3e-1a01-4b52-8c11-3f5d2e7a9001"
    check_error(constancia("explain", unknown, DATABASE_URL=database), "release event")
    check_error(constancia("explain", "x", DATABASE_URL=database), "x", code=2)
    for moment in ("yesterday", "2026-01-09", "2026-01-09T12:00:00", "2026-02-30T00:00:00Z", ""):
        result = constancia("counts", "--as-of", moment, DATABASE_URL=database)
        check_error(result, "--as-of", code=2)
    ahead = constancia("counts", "--as-of", "9999-12-31T23:59:59Z", DATABASE_URL=database)
    check_error(ahead, "future")
    early_result = constancia("counts", "--as-of", "0001-01-01T00:00:00Z", DATABASE_URL=database)
    assert early_result.exit_code == 0, early_result.output


def test_counts_are_printed_as_text(database: str) -> None:
    result = constancia("counts", DATABASE_URL=database)
    assert result.exit_code == 0
    names = [line.split(":")[0].split()[0] for line in result.stdout.splitlines()]
    figures = ["confirmed", "disputed", "reported", "refuted", "unverified"]
    assert names == ["As", *figures, "Of", "As"]
