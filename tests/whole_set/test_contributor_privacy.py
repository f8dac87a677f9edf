"""Privacy towards a `contribute` key: twin worlds, which differ in hidden values only.

The key tries every write in both worlds. The responses, the records left behind and the statements
that the database runs are the same.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from api import auth
from api.app import create_app
from api.cases import loader
from api.contract import document
from api.database import connections
from api.http.rate_limits import WINDOW_SECONDS, RateLimits, RequestCounts
from tests.conftest import Api, cloned
from tests.support import open_pool, wait_for_a_new_day
from tests.whole_set.plans import explain_analyzed
from tests.whole_set.test_privacy import AT, repeat_ids, twin, without_moments

Request = tuple[str, str, Any]
Statement = tuple[str, Any, int]

REASON = {"reason": "una"}
UNKNOWN_ID = "019b9f3e-0000-4000-8000-000000000000"
# A word of a new hidden name is inserted unless another hidden name has it.
OF_NAME_INDEX = re.compile("-- Inserts variants of name words")
LEFT_BEHIND = (
    *("proposals?limit=200", "changes?limit=200", "detainees?limit=200", "detainees?q=oculta"),
    *("detainees?q=Persona+una&limit=200", "detainees?format=csv", "release-events?limit=200"),
    *("attestations?limit=200", "claims?limit=200", "sources?limit=200", "comparisons?limit=200"),
    *("feed?format=atom", "feed?format=jsonfeed", "export", f"counts?as_of={AT}"),
    *(f"counts?{name}={value}" for name, value in (("sex", "male"), ("nationality", "ES"))),
    *(f"counts?age_group={value}" for value in ("adult", "minor", "unknown")),
    *(f"counts?group_by={name}" for name in ("sex", "nationality", "age_group", "facility_id")),
    "counts/timeline?from=2026-01-08&until=2026-01-12",
)
# The filters that select people, with values that hidden people have in one of the worlds.
FILTERS_OF_PEOPLE = {
    "facility_id": (),
    "country": ("VE", "CO"),
    "nationality": ("VE", "ES"),
    "sex": ("male", "female"),
    "age_group": ("adult", "minor"),
    "external_id": ("una:una",),
}
# The rows that a node of a plan reads in vain.
LEFT_OUT = (
    "Rows Removed by Filter",
    "Rows Removed by Join Filter",
    "Rows Removed by Index Recheck",
)
MOMENTS = ("recorded_as_of", "until_recorded", "updated_since")


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[Statement]:
    """Every statement of this process, with its parameters and the number of its rows."""
    run: list[Statement] = []
    execute = psycopg.Cursor.execute

    def recorded(cursor: Any, query: Any, params: Any = None, **options: Any) -> Any:
        result = execute(cursor, query, params, **options)
        run.append((str(query), params, cursor.rowcount))
        return result

    monkeypatch.setattr(psycopg.Cursor, "execute", recorded)
    return run


@contextmanager
def twin_worlds(server: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Two stores with the same ids. What a contributor may not see differs."""
    with ExitStack() as stack:
        worlds, now = [], SimpleNamespace(seconds=0.0)
        for is_other in (False, True):
            url = stack.enter_context(cloned(server))
            pool = stack.enter_context(open_pool(url, 2))
            conn = stack.enter_context(connections.connect(url))
            case = twin(is_other)
            if is_other:
                # The age group is hidden, too: here the other of the two people is the minor.
                for person in case["detainees"][:2]:
                    is_minor = person["key"] == "withheld"
                    person |= {"age_group": "minor" if is_minor else "adult", "withheld": True}
                    person["birth_date"] = "2013-01-01" if is_minor else None
            file = folder / f"{is_other}.json"
            file.write_text(json.dumps(case))
            repeat_ids(monkeypatch, seed=1)
            loader.load(conn, file, lambda _: None)
            keys = {}
            for number, scope in enumerate(("contribute", "edit"), 1):
                _, keys[scope] = auth.create_key(conn, scope, scope)
                conn.execute(
                    "UPDATE api_keys SET id = %s WHERE scope = %s", [UUID(int=number), scope]
                )
            # Responses have the remaining quota, so its window lasts for the whole test.
            limits = RequestCounts(10**6, 10**6, clock=lambda: now.seconds)
            client = create_app(pool, rate_limits=RateLimits(limits)).test_client()
            public = Api(client, keys.__getitem__)
            worlds.append(
                SimpleNamespace(
                    public=public,
                    contributor=public.scope("contribute"),
                    editor=public.scope("edit"),
                    conn=conn,
                    now=now,
                    is_other=is_other,
                )
            )
        yield worlds


def differ(world: Any, hidden: Sequence[str], visible: Sequence[str]) -> Mapping[str, str]:
    """Record merges, splits, distinctions and names that no contributor may see."""
    editor = world.editor
    merge = editor.post(f"/v1/detainees/{visible[-1]}/merge", {"into": hidden[1]})["id"]
    assert editor.send("DELETE", f"/v1/merges/{merge}").status_code == 200
    body = {"detainee_id": visible[2 if world.is_other else 1]}
    distinction = editor.post(f"/v1/detainees/{hidden[0]}/distinct-from", body)["id"]
    text = "otra" if world.is_other else "una"
    extra = editor.detainee(f"Oculta {text}", withheld=True)
    days = ("2019", "2019-03-01") if world.is_other else ("2018-01", "2018-02-02")
    moved = editor.detention(extra, detained_on=days[0])
    past = editor.event(extra, "2019-05-05")
    editor.detention(extra, detained_on="2020-01-01" if world.is_other else "2021")
    body = {"name": f"Oculta partida {text}", "detention_ids": [moved], "release_event_ids": [past]}
    split = editor.post(f"/v1/detainees/{extra}/split", body)["id"]
    if world.is_other:
        # Confidential sources and their number, readings, and names.
        organisation = editor.get("/v1/sources")["items"][0]["id"]
        editor.source("Otra voz", confidential=True, vouched_by=organisation)
        editor.get("/v1/detainees", limit=200)
        editor.patch(f"/v1/detainees/{hidden[1]}", {"name": "Oculta cambiada", "aliases": ["X"]})
    return {"merge": merge, "distinction": distinction, "split": split}


def writes_about(person: str, ids: Mapping[str, str]) -> Sequence[Request]:
    """Return writes about a hidden person that could tell hidden days, events or properties."""
    detentions, events = f"/v1/detainees/{person}/detentions", "/v1/release-events"
    detention, event = f"/v1/detentions/{ids['detention']}", f"/v1/release-events/{ids['event']}"
    days = ("1999-01-01", "2023-01-04", "2023-01-06", "2024-01-02", "2026-01-09", "2026-02-01")
    released = {"detainee_id": person, "occurred_on": "2026-01-09"}
    attestation = {
        "release_event_id": ids["event"],
        "source_id": ids["source"],
        "stance": "denies",
        "basis": "first_hand",
        "evidence": "report",
        "published_at": AT,
    }
    relayed = {"basis": "relayed", "relays": [{"attestation_id": ids["attestation"]}]}
    attested = (
        {},
        {"stance": "confirms", "release_kind": "full"},
        {"denial_reason": "still_held"},
        {**relayed, "stance": "confirms"},
        relayed,
        {"basis": "relayed", "relays": [{"source_id": UNKNOWN_ID}]},
        {"source_id": UNKNOWN_ID},
        {"stance": "confirms", "published_at": "2023-01-06T00:00:00Z"},
    )
    changes = (
        {"age_group": "adult"},
        {"age_group": "minor"},
        {"age_group": "unknown"},
        {"withheld": True},
        {"withheld": False},
        {"birth_date": "1980-01-01"},
        {"birth_date": "2015-01-01"},
        {"birth_date": None},
        {"sex": "male"},
        {"name": "Person 0A1B2C"},
        {"name": "Persona una oculta", "aliases": [f"Alias {n}" for n in range(20)]},
        {"external_ids": [{"scheme": "una", "value": "una"}], "nationalities": ["ES"]},
    )
    return (
        *(("POST", detentions, {"detained_on": day}) for day in (*days, "2023", "2024-01", None)),
        *(("PATCH", detention, {"detained_on": day}) for day in (*days, "2023", None)),
        *(("POST", events, {**released, "occurred_on": day}) for day in days),
        *(("POST", events, {**released, "detention_id": id}) for id in ids.values()),
        *(("PATCH", event, {"occurred_on": day}) for day in days),
        ("PATCH", event, {"place": "una"}),
        ("PATCH", detention, {"facility_id": None, "authority": "una", "charges": "una"}),
        *(("PATCH", f"/v1/detainees/{person}", change) for change in changes),
        *(("POST", f"{path}/void", REASON) for path in (detention, event)),
        *(("DELETE", f"{path}/void", None) for path in (detention, event)),
        *(("POST", "/v1/attestations", {**attestation, **change}) for change in attested),
        ("POST", f"/v1/attestations/{ids['attestation']}/void", REASON),
        ("POST", f"/v1/attestations/{ids['attestation']}/retraction", {"retracted_at": AT}),
        *(
            ("POST", f"/v1/detainees/{person}/{action}", {name: ids["visible"]})
            for action, name in (("merge", "into"), ("distinct-from", "detainee_id"))
        ),
        *(
            ("POST", f"/v1/detainees/{ids['visible']}/{action}", {name: person})
            for action, name in (("merge", "into"), ("distinct-from", "detainee_id"))
        ),
        ("POST", f"/v1/detainees/{person}/split", {"name": "una", "detention_ids": []}),
        *(
            ("POST", "/v1/citations", {"url": f"/v1/{path}as_of={AT}"})
            for path in (
                f"release-events/{ids['event']}/verification?",
                "counts?sex=male&",
                "counts?group_by=nationality&",
                f"counts?facility_id={person}&",
            )
        ),
    )


def writes_of_new_records(ids: Mapping[str, str]) -> Sequence[Request]:
    """Return writes that could tell who is hidden by their names, and lists of people."""
    names = ("Persona una oculta", "Persona otra oculta", "Oculta una", "Persona vista 1")
    external_ids = [{"scheme": "una", "value": "una"}]
    rows = [{"name": name, "birth_date": "2013-01-01"} for name in names]
    lists = (
        rows,
        [{**row, "detained_on": "2023-01-05", "released_on": "2026-01-08"} for row in rows],
        [{**row, "facility": "Helicoide"} for row in rows],
        [{"name": f"Persona nueva {n}", "external_id_una": "una"} for n in "AB"],
    )
    claim = {"kind": "released", "value": 1, "as_of": AT, "published_at": AT}
    return (
        *(("POST", "/v1/detainees", {"name": name, "birth_date": "1990-01-01"}) for name in names),
        *(("POST", "/v1/detainees", {"name": x, "external_ids": external_ids}) for x in "XY"),
        ("POST", "/v1/detainees", {"name": "Otra oculta", "age_group": "minor"}),
        ("POST", "/v1/detainees", {"name": "Otra oculta", "withheld": True}),
        ("POST", "/v1/detainees/match", {"items": [{"name": name} for name in names]}),
        ("POST", "/v1/detainees/match", {"items": [{"name": "X", "external_ids": external_ids}]}),
        ("POST", "/v1/sources", {"name": "Voz una", "kind": "ngo"}),
        *(("POST", "/v1/imports", people) for people in lists),
        *(("POST", "/v1/claims", {**claim, "source_id": id}) for id in (ids["source"], UNKNOWN_ID)),
        *(
            ("POST", f"/v1/claims/{ids['claim']}/{action}", REASON)
            for action in ("void", "retraction")
        ),
        *(("GET", f"/v1/{kind}s/{ids[kind]}", None) for kind in ("merge", "split", "distinction")),
        *(("DELETE", f"/v1/{kind}s/{ids[kind]}", None) for kind in ("merge", "split")),
    )


def test_contributor_learns_nothing_from_any_write(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statements: list[Statement]
) -> None:
    with twin_worlds(server, tmp_path, monkeypatch) as worlds:
        public = worlds[0].public
        people = public.get("/v1/detainees")["items"]
        hidden = [person["id"] for person in people if not person["is_named"]]
        visible = [person["id"] for person in people if person["is_named"]]
        assert len(hidden) == 2
        new_ids = []
        for world in worlds:
            repeat_ids(monkeypatch, seed=2)
            new_ids.append(differ(world, hidden, visible))
        assert new_ids[0] == new_ids[1]
        ids = {
            **new_ids[0],
            "visible": visible[0],
            "source": public.get("/v1/sources")["items"][0]["id"],
            "claim": public.get("/v1/claims")["items"][0]["id"],
        }
        requests = list(writes_of_new_records(ids))
        for person in hidden:
            (event,) = public.get("/v1/release-events", detainee_id=person)["items"]
            listed = public.get("/v1/attestations", release_event_id=event["id"])["items"]
            ids |= {
                "detention": public.get(f"/v1/detainees/{person}")["detention"]["id"],
                "event": event["id"],
                "attestation": listed[0]["id"],
            }
            requests += writes_about(person, ids)
        worlds[0].now.seconds += WINDOW_SECONDS
        statuses, seeds = set(), count(100)
        for method, path, body in requests:
            seed = next(seeds)
            wait_for_a_new_day()
            results = []
            for world in worlds:
                repeat_ids(monkeypatch, seed)
                results.append(observed(world.contributor, statements, method, path, body))
            assert results[0] == results[1], (method, path, body)
            statuses.add(results[0][0])
        assert statuses == {200, 201, 202, 403, 404, 409, 422}
        for path, scope in product(LEFT_BEHIND, ("public", "contributor")):
            wait_for_a_new_day()
            results = []
            for world in worlds:
                caller = getattr(world, scope)
                results.append(observed(caller, statements, "GET", f"/v1/{path}", None))
                results[-1] += (plans(world.conn, statements),)
            assert results[0] == results[1], (scope, path)


def test_a_filter_reads_the_same_rows_whatever_values_hidden_people_have(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statements: list[Statement]
) -> None:
    """Rows that are read and left out take time, which would tell where hidden people are held."""
    with twin_worlds(server, tmp_path, monkeypatch) as worlds:
        facilities = [
            facility["id"] for facility in worlds[0].editor.get("/v1/facilities")["items"]
        ]
        assert len(facilities) == 2
        for path in filtered_lists(facilities):
            wait_for_a_new_day()
            results = []
            for world in worlds:
                result = observed(world.public, statements, "GET", f"/v1/{path}", None)
                results.append((*result, plans(world.conn, statements, *LEFT_OUT)))
            assert results[0] == results[1], path


def filtered_lists(facilities: Sequence[str]) -> Iterator[str]:
    """Return each list and figure of the API with each filter of people, also at a past record time
    and with `updated_since`."""
    for operation in document.load().operations:
        names = {parameter.name for parameter in operation.parameters}
        if operation.method != "get" or not operation.path.startswith("/v1/"):
            continue
        period = "from=2026-01-08&until=2026-01-12&" if "until" in names else ""
        moments = ["", *(f"&{name}={AT}" for name in MOMENTS if name in names)]
        for name in FILTERS_OF_PEOPLE.keys() & names:
            for value in facilities if name == "facility_id" else FILTERS_OF_PEOPLE[name]:
                for moment in moments:
                    path = operation.path.removeprefix("/v1/")
                    yield f"{path}?{period}{name}={value}{moment}"


def observed(
    caller: Api, statements: list[Statement], method: str, path: str, body: Any
) -> tuple[Any, ...]:
    """Send a request, and an import of a list with its application; return what a caller sees.

    With the statements that were run and the numbers of their rows: the time depends on them.
    """
    statements.clear()
    if path == "/v1/imports":
        lines = "\n".join(json.dumps(row) for row in body)
        options = {"data": lines, "content_type": "application/x-ndjson"}
        responses = [caller.send(method, path, **options)]
        if responses[0].status_code == 201:
            apply = f"{responses[0].headers['Location']}/apply"
            facilities = [
                {"name": name["name"], **as_candidate(name["candidates"])}
                for name in responses[0].get_json()["facilities"]
            ]
            responses.append(caller.send("POST", apply, json={"facility_decisions": facilities}))
    else:
        options = {} if body is None else {"json": body}
        responses = [caller.send(method, path, **options)]
    text = "".join(
        f"{response.status}\n{headers_of(response)}\n{response.get_data(as_text=True)}"
        for response in responses
    )
    for response in responses:
        # The length tells no more than the body.
        length = response.headers.get("Content-Length")
        assert length in (None, str(len(response.data)))
    run = [(query, None if OF_NAME_INDEX.match(query) else rows) for query, _, rows in statements]
    import_id = responses[0].headers.get("Location", "").removeprefix("/v1/imports/")
    if path == "/v1/imports" and import_id:
        text = text.replace(import_id, "IMPORT")
    return responses[0].status_code, without_moments(text), run


def as_candidate(candidates: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    """Return the decision that a name is that of the first of the facilities."""
    return {"decision": "same", "facility_id": candidates[0]["facility_id"]}


def headers_of(response: Any) -> str:
    return "".join(f"{n}: {value}\n" for n, value in response.headers if n != "Request-Id")


def plans(conn: Any, statements: Sequence[Statement], *measures: str) -> list[Any]:
    """Return the nodes of the plans of the statements that read, with the rows of each and these
    further measures."""
    return [
        explain_analyzed(conn, query, parameters, *measures)
        for query, parameters, _ in list(statements)
        if re.match(r"(--.*\n)*\s*(SELECT|WITH)\b", query) and "INSERT" not in query
    ]
