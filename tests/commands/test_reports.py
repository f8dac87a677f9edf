"""The commands counts, compare, differences, explain and find."""

import json
from datetime import UTC, datetime

from api import config
from api.commands import terminal
from tests.commands.running import EXAMPLE, check_error, constancia
from tests.conftest import Api
from tests.stories.newsroom import Desk


def test_invalid_arguments_are_errors(database: str) -> None:
    unknown = "019b9f3e-1a01-4b52-8c11-3f5d2e7a9001"
    check_error(constancia("explain", unknown, DATABASE_URL=database), "release event")
    check_error(constancia("explain", "x", DATABASE_URL=database), "x", code=2)
    for moment in (
        "yesterday",
        "2026-02-30",
        "2026-01-9",
        "2026-01-09T12:00:00",
        "2026-02-30T00:00:00Z",
        "",
    ):
        result = constancia("counts", "--as-of", moment, DATABASE_URL=database)
        check_error(result, "--as-of", code=2)
    backwards = ["differences", "--from", "2026-01-09", "--until", "2026-01-07"]
    result = constancia(*backwards, DATABASE_URL=database)
    check_error(result, "in 1 place. --from: Must not be after --until.")
    ahead = constancia("counts", "--as-of", "9999-12-31T23:59:59Z", DATABASE_URL=database)
    check_error(ahead, " --as-of: ", "future")
    early_result = constancia("counts", "--as-of", "0001-01-01T00:00:00Z", DATABASE_URL=database)
    assert early_result.exit_code == 0, early_result.output


def test_counts_are_printed_as_text(database: str) -> None:
    result = constancia("counts", DATABASE_URL=database)
    assert result.exit_code == 0
    names = [line.split(":")[0].split()[0] for line in result.stdout.splitlines()]
    figures = ["confirmed", "disputed", "reported", "refuted", "unverified"]
    assert names == ["As", *figures, "Of", "As"]


def test_day_is_its_end_in_the_time_zone_of_the_settings(database: str) -> None:
    caracas = {"DATABASE_URL": database, "CONSTANCIA_TIME_ZONE": "America/Caracas"}
    command = ["counts", "--as-of", "2026-01-09"]
    for zone, end in (
        ("America/Caracas", "2026-01-10T03:59:59.999999Z"),
        ("", "2026-01-09T23:59:59.999999Z"),
    ):
        settings = {**caracas, "CONSTANCIA_TIME_ZONE": zone}
        response = json.loads(constancia(*command, "--json", **settings).stdout)
        assert response["as_of"] == end
        assert f"time_zone={zone or 'UTC'}" in response["citation"]["url"]
    for language, heading, again, sentence in (
        (
            "",
            "As of the end of 2026-01-09 (Caracas time), recorded by ",
            "Of the confirmed, detained again: 0",
            "As of the end of 9 January 2026 (Caracas time), no ",
        ),
        (
            "es",
            "Hasta el final del 2026-01-09 (hora de Caracas), según lo registrado hasta ",
            "De las confirmadas, con nueva detención: 0",
            "Hasta el final del 9 de enero de 2026 (hora de Caracas), ninguna ",
        ),
    ):
        result = constancia(*command, CONSTANCIA_LANGUAGE=language, **caracas)
        first, *_, before_last, last = result.stdout.splitlines()
        assert first.startswith(heading)
        assert before_last == again
        assert last.startswith(sentence)
    # A day that has not ended.
    today = datetime.now(UTC).date().isoformat()
    assert constancia("counts", "--as-of", today, DATABASE_URL=database).exit_code == 0
    # A later day is a mistake, such as another year: it must not become now.
    for command in (
        ("counts", "--as-of", "9999-12-31"),
        ("counts", "--recorded-as-of", "9999-12-31"),
        ("differences", "--from-recorded", "9999-12-31"),
        ("import", EXAMPLE, "--published-at", "9999-12-31"),
    ):
        result = constancia(*command, DATABASE_URL=database)
        check_error(
            result, f"{command[-2]}': 9999-12-31 is in the future: send an earlier ", code=2
        )
    create = ("keys", "create", "--name", "Ana", "--scope", "edit", "--until", "9999-12-31")
    result = constancia(*create, **caracas)
    check_error(result, "9999-12-31 ends after the last moment of the calendar: send an ", code=2)
    for setting, value in (("CONSTANCIA_TIME_ZONE", "Caracas"), ("CONSTANCIA_LANGUAGE", "fr")):
        result = constancia("counts", DATABASE_URL=database, **{setting: value})
        check_error(result, f"{setting} is {value!r}: use ")
    for misspelled, setting in (
        ("CONSTANCIA_TIMEZONE", "CONSTANCIA_TIME_ZONE"),
        ("CONSTANCIA_DATABASE_URL", "DATABASE_URL"),
        ("constancia_language", "CONSTANCIA_LANGUAGE"),
        ("CONSTANCIA_LANG", "CONSTANCIA_LANGUAGE"),
        ("CONSTANCIA_DATA_DIRECTORY", "CONSTANCIA_DATA_DIR"),
    ):
        result = constancia("counts", DATABASE_URL=database, **{misspelled: "x"})
        check_error(result, f"{misspelled} is not a setting: use {setting}, or unset it.")
    # Of nginx.sh, of compose.yaml and of Kubernetes.
    others = ("RATE_PER_ADDRESS", "CONNECTIONS_PER_ADDRESS", "HOST", "PORT", "SERVICE_PORT")
    others += ("SERVICE_HOST", "SERVICE_PORT_HTTP", "PORT_80_TCP", "PORT_80_TCP_ADDR", "DB_PORT")
    foreign = {f"CONSTANCIA_{name}": "1" for name in others}
    assert constancia("counts", DATABASE_URL=database, **foreign).exit_code == 0


def test_groups_are_printed_by_name(api: Api, database: str) -> None:
    assert constancia("load", EXAMPLE, DATABASE_URL=database).exit_code == 0
    Desk(api).release("Ana Visible", ["2026-01-09T10:00:00Z"])
    command = ["counts", "--as-of", "2026-01-12", "--group-by", "nationality"]
    result = constancia(*command, DATABASE_URL=database)
    assert result.stdout.splitlines()[2].startswith("Venezuela ")
    by_announcement = [*command[:-1], "announcement_id"]
    lines = constancia(*by_announcement, DATABASE_URL=database).stdout.splitlines()[2:-2]
    response = json.loads(constancia(*by_announcement, "--json", DATABASE_URL=database).stdout)
    labels = [group["label"] or "Not part of an announcement" for group in response["groups"]]
    assert labels[-1] == "Not part of an announcement"
    assert all(map(str.startswith, lines, labels)), lines
    assert any(group["label"] for group in response["groups"])
    by_facility = constancia(*command[:-1], "facility_id", DATABASE_URL=database).stdout
    assert "\nUnknown or not disclosed  " in by_facility


def test_people_are_found_by_any_spelling(database: str) -> None:
    assert constancia("load", EXAMPLE, DATABASE_URL=database).exit_code == 0
    command = ["find", "san migel rosio"]
    heads, person = constancia(*command, DATABASE_URL=database).stdout.splitlines()
    assert heads.split() == ["name", "custody", "detained", "on", "facility", "id"]
    assert person.startswith("Rocío San Miguel  released  ")
    (item,) = json.loads(constancia(*command, "--json", DATABASE_URL=database).stdout)["items"]
    assert person.endswith(f"  {item['id']}")
    assert (
        constancia("find", *command[1].split(), DATABASE_URL=database).stdout
        == f"{heads}\n{person}\n"
    )
    # The people who are not found may be recorded and hidden.
    nobody = constancia("find", "Zzyzx", DATABASE_URL=database)
    assert (nobody.exit_code, nobody.stdout) == (
        0,
        "Nobody was found. Try only a part of the name.\n",
    )
    check_error(constancia("find", "", DATABASE_URL=database), "NAME", code=2)


def test_differences_are_printed_with_their_reasons(database: str) -> None:
    assert constancia("load", EXAMPLE, DATABASE_URL=database).exit_code == 0
    command = ["differences", "--from", "2026-01-08", "--until", "2026-01-09"]
    caracas = {"DATABASE_URL": database, "CONSTANCIA_TIME_ZONE": "America/Caracas"}
    response = json.loads(constancia(*command, "--json", **caracas).stdout)
    assert (response["from"], response["until"]) == (
        "2026-01-08T04:00:00Z",
        "2026-01-10T04:00:00Z",
    )
    heading, *lines, sentence = constancia(*command, **caracas).stdout.splitlines()
    assert " ".join(heading.split()) == "name before after since (Caracas time) because"
    assert len(lines) == len(response["items"]) > 1
    assert any("Rocío San Miguel" in line and "attestation published, " in line for line in lines)
    assert sentence == response["citation"]["sentence"]["en"]
    check_error(constancia("differences", DATABASE_URL=database), "--from, or --from-recorded")
    ahead = constancia("differences", "--from", "2125-01-01", DATABASE_URL=database)
    check_error(ahead, "--from", "future")
    check_error(
        constancia("differences", "--from", "2026-1-9", DATABASE_URL=database), "--from", code=2
    )


def test_terminal_has_no_words_of_a_confidential_source_for_its_organisation(
    api: Api, database: str
) -> None:
    desk = Desk(api)
    secret = desk.editor.source("Garganta", confidential=True, vouched_by=desk.sources[0])
    event = desk.release("Ana Visible")
    desk.editor.attest(event, secret, "2026-01-09T10:00:00Z")
    claim = desk.claim(secret, "released", "2026-01-09T10:00:00Z", value=1)["id"]
    relays = [{"claim_id": claim}]
    desk.claim(desk.sources[1], "released", "2026-01-09T12:00:00Z", value=1, relays=relays)
    result = constancia("differences", "--from", "2026-01-08", DATABASE_URL=database)
    [_, line, _] = result.stdout.splitlines()
    assert "attestation published, a confidential source of Fuente 0" in line
    result = constancia("compare", DATABASE_URL=database, CONSTANCIA_LANGUAGE="es")
    assert "Fuente 1, relaying una fuente confidencial de Fuente 0" in result.stdout


def test_terminal_marks_retracted_claims(api: Api) -> None:
    desk = Desk(api)
    coalition = desk.editor.source("Coalición", "political_party")
    paper = desk.editor.source("Correo", "news_outlet")
    facility = desk.editor.post("/v1/facilities", {"name": "Rodeo I", "country": "VE"})["id"]
    scope = {"facility_id": facility, "window_start": "2026-01-08", "age_group": "adult"}
    claim = desk.claim(
        coalition, "released", "2026-01-09T12:30:00Z", value=11, qualifier="at_least", **scope
    )
    relays = [{"claim_id": claim["id"]}]
    relay = desk.claim(paper, "released", "2026-01-09T13:00:00Z", value=1100, relays=relays)
    names = {
        coalition: "Coalición",
        paper: "Correo",
        facility: "Rodeo I",
        claim["id"]: "Coalición",
        relay["id"]: "Correo",
    }

    def lines() -> list[str]:
        return list(terminal.comparisons(config.read({}), desk.api.get("/v1/comparisons"), names))

    head, newer, older = lines()
    assert head.split() == [
        *("as", "of", "(UTC)", "qualifier", "claimed", "confirmed", "disputed", "reported", "gap"),
        *("verdict", "scope", "source"),
    ]
    assert newer.startswith("2026-01-09 13:00  unspecified    1,100 ")
    assert older.startswith("2026-01-09 12:30  at least          11 ")
    assert newer.endswith("  Correo, relaying Coalición")
    assert older.endswith("  since 2026-01-08, Rodeo I, adult  Coalición")
    for id in (claim["id"], relay["id"]):
        retraction = {"retracted_at": "2026-01-10T08:00:00Z"}
        desk.editor.post(f"/v1/claims/{id}/retraction", retraction, 200)
    assert lines() == [head, f"{newer} (retracted)", f"{older} (retracted)"]
