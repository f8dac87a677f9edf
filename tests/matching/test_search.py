"""Search and matching: people are found by any spelling of any of their names, best match first.

Hidden people change no response to callers who may not see them.
"""

from typing import Any

import pytest
from hypothesis import given

from api.database.queries import Connection
from api.matching import candidates
from api.matching.blocking_keys import index_keys, search_keys
from api.matching.search import match_names
from tests.conftest import Api
from tests.matching.test_scoring import FILES, pairs, person, shares_key, texts
from tests.support import open_pool
from tests.whole_set.readers import parse_csv, parse_ndjson

PEOPLE = {
    "guaramato": ("José Luis Guaramato Peña", "El Catire"),
    "machado": ("María Corina Machado Parisca",),
    "san_miguel": ("Rocío San Miguel Sosa",),
    "otero": ("Tomás Otero Valdivia",),
    "brother": ("Fermín Otero Valdivia",),
    "magalhaes": ("Luís Inácio Magalhães da Conceição",),
    "kalesnikava": ("Мария Колесникова",),
    "khawaja": ("Abdulhadi al-Khawaja",),
    "liu": ("刘晓波", "Liu Xiaobo"),
    "hoz": ("Juan Pablo de la Hoz Mercado",),
    "bermejo": ('Francisco "Pancho" Bermejo Rivas',),
    "cipher": ("Preso 117",),
    "mitzy": ("Mitzy Capriles Sanoja",),
    "xu": ("Xu Zhiyong",),
    "min": ("မင်းကိုနိုင်",),
    "alejandro": ("Alejandro Pérez Rojas",),
    "severinets": ("Павел Севярынец",),
    "nobody": ("Persona no identificada",),
    "pilieri": ("Biagio Ramón Pilieri Gianninoto",),
    "choe": ("최은희",),
    "roh": ("Roh Moo-hyun",),
    "sung": ("Roh Moo-sung",),
    "aung": ("Aung San Win Htut",),
}

# Queries, and the first person in each response.
QUERIES = {
    "Eun-hee": "choe",
    "Ŭn-hŭi": "choe",
    "Eunhee": "choe",
    "Ŭnhŭi": "choe",
    "은희": "choe",
    "Moo-sung": "sung",
    "Mooseong": "sung",
    "Muhyun": "roh",
    "무현": "roh",
    "Min-ju": None,
    "Jean-Luc": None,
    "Mg Aung San Win Htut": "aung",
    "José Luis Guaramato Peña": "guaramato",
    "guaramato": "guaramato",
    "GUARAMATO PEÑA, JOSE LUIS": "guaramato",
    "Guaramato": "guaramato",
    "Guaramatto": "guaramato",
    "Guramato": "guaramato",
    "Gauramato": "guaramato",
    "Guaranabo": "guaramato",
    "Guaraamtoo": "guaramato",
    "José Guaranabo": "guaramato",
    "Tte. Cnel. José L. Guaramato": "guaramato",
    "J. Guaramato": "guaramato",
    "J. L. Guaramato P.": "guaramato",
    "Pepe Guaramato": "guaramato",
    "Peña, José Luis": "guaramato",
    "catire": "guaramato",
    "Cartire": "guaramato",
    "Corina Machado": "machado",
    "Machdao": "machado",
    "Macahdo": "machado",
    "Dra. Machado": "machado",
    "María C. Machado Zambrano": None,
    "María Corina Machado Parisca de Zuloaga": "machado",
    "Mari Machado": "machado",
    "Alej. Pérez": "alejandro",
    "Alej Perez R": "alejandro",
    "minkonaing": "min",
    "Corinna": "machado",
    "Mraia Machdao": "machado",
    "sanmiguel": "san_miguel",
    "Miguel, Rocío San": "san_miguel",
    "Chío San Miguel": "san_miguel",
    "Rosio San Migel": "san_miguel",
    "Tomás Otero": "otero",
    "Otero Valdivia, Tomas": "otero",
    "T. Otero": "otero",
    "Fermin Otero": "brother",
    "Ferminn": "brother",
    "Luiz Ignacio Magalhaes": "magalhaes",
    "Magallanes": "magalhaes",
    "Inacio Magalhaes da Conceicao": "magalhaes",
    "Maria Kalesnikava": "kalesnikava",
    "Kolesnikova": "kalesnikava",
    "Колесникова Мария Александровна": "kalesnikava",
    "Alkhawaja": "khawaja",
    "Abdul Hadi Al Khawaja": "khawaja",
    "عبدالهادي الخواجة": "khawaja",
    "Xiaobo Liu": "liu",
    "刘晓波": "liu",
    "Delahoz": "hoz",
    "de la Hoz": "hoz",
    "Pancho Bermejo": "bermejo",
    "Paco Bermejo": "bermejo",
    "Bermejo (Pancho)": "bermejo",
    "preso 117": "cipher",
    "117": "cipher",
    "no identificada": "nobody",
    "Mitzy Capriles de Ledezma": "mitzy",
    "M1tzy Capri1es": "mitzy",
    "MitzyCapriles": "mitzy",
    "RocÃo San Miguel": "san_miguel",
    "Hsu Chih-yung": "xu",
    "许志永": "xu",
    "Min Ko Naing": "min",
    "Sieviaryniec": "severinets",
    "Paviel Sieviaryniec": "severinets",
    "aungsanwinhtut": "aung",
    "Gianni": "pilieri",
    "Pilie": "pilieri",
    "Biagio Pil": "pilieri",
    "Pilo": None,
    "biagioramonpilierigianninoto": "pilieri",
    "biagiopilieri": "pilieri",
    "joseluisguaramato": "guaramato",
    "machadomariacorina": "machado",
    "Choi Eun-hee": "choe",
    "Ch'oe Ŭnhŭi": "choe",
    "choieunhee": "choe",
    "Choi": "choe",
    "Choi E": "choe",
    "E. Choi": "choe",
    "Choe Un": "choe",
    "최": "choe",
    "Noh Mu-hy": "roh",
    "Choi A": None,
    "No Muhyeon": "roh",
    "노무현": "roh",
    "Noh Mooseong": "sung",
    "Guaramato Otero": None,
    "Tomás": "otero",
    "Zzz": None,
}


@pytest.fixture(scope="module")
def recorded(server: str) -> Any:
    """The ids of PEOPLE, and an API with them recorded."""
    from api.app import create_app
    from api.database import connections
    from tests.conftest import auth, cloned

    with cloned(server) as url, open_pool(url, 2) as pool:
        with connections.connect(url) as conn:
            key = auth.create_key(conn, "search", "edit")[1]
        api = Api(create_app(pool).test_client(), lambda _: key)
        writer = api.scope("edit")
        ids = {
            who: writer.detainee(name, aliases=aliases) for who, (name, *aliases) in PEOPLE.items()
        }
        yield api, ids


@pytest.mark.parametrize(("q", "person"), QUERIES.items(), ids=QUERIES)
def test_query_finds_the_person_first(recorded: Any, q: str, person: str | None) -> None:
    api, ids = recorded
    items = api.get("/v1/detainees", q=q)["items"]
    assert [item["id"] for item in items[:1]] == ([ids[person]] if person else [])


def test_person_with_another_given_name_is_not_found(recorded: Any) -> None:
    api, ids = recorded
    items = api.get("/v1/detainees", q="Tomás Otero Valdivia")["items"]
    assert [item["id"] for item in items] == [ids["otero"]]
    both = api.get("/v1/detainees", q="Otero Valdivia")["items"]
    assert {item["id"] for item in both} == {ids["otero"], ids["brother"]}


def test_item_has_its_match(recorded: Any) -> None:
    api, ids = recorded
    (item,) = api.get("/v1/detainees", q="Guramato, Pepe")["items"]
    assert item["match"] == {
        "score": 0.814,
        "name": "José Luis Guaramato Peña",
        "features": [
            {
                "feature": "given_names",
                "score": 0.727,
                "detail": "Given names agree: jose = pepe; one record also has luis",
            },
            {
                "feature": "surnames",
                "score": 0.813,
                "detail": "Surnames agree: guaramato = guramato; one record also has pena",
            },
        ],
    }
    (item,) = api.get("/v1/detainees", q="el catire")["items"]
    assert (item["id"], item["match"]["name"]) == (ids["guaramato"], "El Catire")
    assert {item["match"] for item in api.get("/v1/detainees")["items"]} == {None}


def test_items_are_in_order_of_score_then_id(api: Api) -> None:
    writer = api.scope("contribute")
    names = (
        "Rosa Guaramatto Díaz",
        "Rosa Guaramato",
        "Rosa Guaramato Díaz",
        "Rosa Díaz",
        "Rosa Guaranabo",
        "Rosa Guaramato",
    )
    ids = [writer.detainee(name) for name in names]
    items = api.get("/v1/detainees", q="Rosa Guaramato")["items"]
    equal = sorted([ids[1], ids[5]])
    assert [item["id"] for item in items] == [*equal, *(ids[i] for i in (2, 0, 4))]
    scores = [item["match"]["score"] for item in items]
    assert scores == sorted(scores, reverse=True)
    assert scores[:2] == [1, 1]
    assert min(scores) >= 0.5


@pytest.mark.parametrize(("limit", "ranked"), [(1, 100), (3, 100), (200, 100), (1, 3), (5, 3)])
def test_paging_neither_repeats_nor_skips_people_during_writes(
    api: Api, monkeypatch: pytest.MonkeyPatch, limit: int, ranked: int
) -> None:
    """Also if more people share a name key than are ranked."""
    monkeypatch.setattr(candidates, "MAX_RANKED", ranked)
    monkeypatch.setattr(candidates, "_MAX_PER_KEY", ranked)
    monkeypatch.setattr(candidates, "_PART_PEOPLE", 2)
    writer = api.scope("contribute")
    names = ("Rosa Guaramato", "Rosa Guaramato Díaz", "Rosa Guramato", "Rosita Guaramato Otero")
    created = {writer.detainee(name) for name in names for _ in range(3)}
    leaving = writer.detainee("Rosa Guaramato Zea")
    seen: list[Any] = []
    query: dict[str, Any] = {"q": "Rosa Guaramato", "limit": limit}
    while True:
        page = api.get("/v1/detainees", **query)
        assert len(page["items"]) <= limit
        seen += page["items"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
        for name in names if len(seen) < 20 else ():
            writer.detainee(name)
        # A renamed person leaves the ranking without moving the others, listed already or not.
        for id in (seen[0]["id"], leaving):
            writer.patch(f"/v1/detainees/{id}", {"name": "Nadie Otro"})
    ids = [item["id"] for item in seen]
    assert len(ids) == len(set(ids))
    assert created <= set(ids)
    order = [(-item["match"]["score"], item["id"]) for item in seen[:ranked]]
    assert order == sorted(order)
    assert ids[ranked:] == sorted(ids[ranked:])


def test_search_is_available_as_ndjson_and_csv(api: Api) -> None:
    writer = api.scope("contribute")
    for name in ("Rosa Guaramato Díaz", "Rosa Guaramato", "Tomás Otero"):
        writer.detainee(name)
    items = api.get("/v1/detainees", q="Rosa Guaramatto")["items"]
    assert [item["name"] for item in items] == ["Rosa Guaramato", "Rosa Guaramato Díaz"]
    for more in ({}, {"limit": 2}):
        query = {"q": "Rosa Guaramatto", **more}
        ndjson = api.send("GET", "/v1/detainees", query_string={**query, "format": "ndjson"})
        assert parse_ndjson(ndjson.text) == items
        rows = parse_csv(
            api.send("GET", "/v1/detainees", query_string={**query, "format": "csv"}).text
        )
        assert [row["match.name"] for row in rows] == [item["match"]["name"] for item in items]
        assert [float(row["match.score"]) for row in rows] == [
            item["match"]["score"] for item in items
        ]


# Hidden people.


HIDDEN: Any = ({"age_group": "minor"}, {"age_group": "adult", "withheld": True})


@pytest.mark.parametrize("hidden", HIDDEN)
def test_hidden_people_do_not_change_what_others_find(
    api: Api, conn: Connection, monkeypatch: pytest.MonkeyPatch, hidden: Any
) -> None:
    """There are enough hidden people to exceed the number of people that are read."""
    monkeypatch.setattr(candidates, "MAX_RANKED", 3)
    monkeypatch.setattr(candidates, "_MAX_PER_KEY", 3)
    monkeypatch.setattr(candidates, "_MAX_COMPARED", 3)
    monkeypatch.setattr(candidates, "_MAX_NEAR_WORDS", 1)
    editor, writer = api.scope("edit"), api.scope("contribute")
    queries = ("Rosa Guaramato", "guaramatto", "Guaramoto", "rosa", "R. Guaramato", "guaram")

    def responses(caller: Api) -> list[Any]:
        results = [caller.get("/v1/detainees", q=q) for q in queries]
        # Only some of the people who share an identifier are read as well.
        external_ids = [{"scheme": "foro", "value": "1"}]
        more = {"birth_date": born, "external_ids": external_ids}
        body = {"items": [{"name": q, **more} for q in queries]}
        return [*results, writer.post("/v1/detainees/match", body, 200)]

    born = "2011-05-04" if "withheld" not in hidden else "1971-05-04"
    people = [
        editor.detainee(f"Rosa {surname}", birth_date=born, **hidden)
        for surname in ("Guaramato", "Guaramata", "Guaramate", *["Guaramato"] * 50)
    ]
    # As older stores have it: one identifier of many people is refused now.
    conn.execute("""UPDATE detainees SET external_ids = '[{"scheme": "foro", "value": "1"}]'""")
    assert responses(api)[0]["items"] == []
    assert {item["decision"] for item in responses(api)[-1]["items"]} == {"none"}
    writer.detainee("Zoe", external_ids=[{"scheme": "foro", "value": "1"}])
    for number in range(5):
        writer.detainee(f"Rosa Guaramato {'Díaz Otero'[:number]}".strip())
    with_hidden = responses(api)
    ids = [item["id"] for item in editor.get("/v1/detainees", q="Rosa Guaramata")["items"]]
    assert people[1] in ids
    # Renaming the hidden people changes nothing either.
    for id in people:
        editor.patch(f"/v1/detainees/{id}", {"name": "Zoe Zambrano", "external_ids": []})
    assert responses(api) == with_hidden
    assert [len(response["items"]) for response in with_hidden[:-1]] == [5] * len(queries)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_person_who_becomes_hidden_is_no_longer_found(
    api: Api, conn: Connection, hidden: Any
) -> None:
    editor = api.scope("edit")
    person = editor.detainee("Rosa Guaramato")
    assert api.get("/v1/detainees", q="guaramato")["items"]
    editor.patch(f"/v1/detainees/{person}", hidden)
    for q in (
        "guaramato",
        "Rosa Guaramato",
        "guaramatto",
        "r. guaramato",
        "guaram",
        "rosaguaramato",
    ):
        assert api.get("/v1/detainees", q=q)["items"] == []
        (item,) = editor.get("/v1/detainees", q=q)["items"]
        assert item["id"] == person
    stored = "SELECT DISTINCT hidden, birth_date::text FROM name_keys"
    assert conn.execute(stored).fetchall() == [(True, "-infinity")]
    editor.patch(f"/v1/detainees/{person}", {"age_group": "adult", "withheld": False})
    editor.patch(f"/v1/detainees/{person}", {"birth_date": "1971-05-04"})
    assert conn.execute(stored).fetchall() == [(False, "1971-05-04")]
    assert api.get("/v1/detainees", q="guaramatto")["items"]


def test_names_of_people_who_became_hidden_crowd_out_no_result(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "_MAX_NEAR_WORDS", 1)
    editor = api.scope("edit")
    visible = editor.detainee("Rosa Guaranabo")
    before = api.get("/v1/detainees", q="Guaramado")
    assert [item["id"] for item in before["items"]] == [visible]
    other = editor.detainee("Eva Guaramaddo")
    assert api.get("/v1/detainees", q="Guaramado") != before
    editor.patch(f"/v1/detainees/{other}", {"withheld": True})
    assert api.get("/v1/detainees", q="Guaramado") == before


# Many people with one name.


def test_one_of_many_with_a_common_name_is_found_by_other_properties(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "_MAX_PER_KEY", 3)
    monkeypatch.setattr(candidates, "_MAX_COMPARED", 3)
    writer = api.scope("contribute")
    days = [f"19{50 + i}-05-04" for i in range(12)]
    for i in range(12):
        writer.detainee("José Luis Pérez García", birth_date=days[i])
        writer.detainee("José Antonio Pérez Díaz", birth_date=days[i])
    born = writer.detainee("José Gregorio Pérez García", birth_date="1971-05-04")
    named = writer.detainee("José Rigoberto Pérez García")

    def matched(name: str, birth_date: str | None) -> list[str]:
        body = {"items": [{"name": name, "birth_date": birth_date}]}
        (item,) = writer.post("/v1/detainees/match", body, 200)["items"]
        return [candidate["detainee_id"] for candidate in item["candidates"]]

    for query in ("José Pérez", "PEREZ, José G.", "Pepe Peres", "J. Pérez García"):
        for day in ("1971-05-04", "1971", "1971-04-05"):
            assert matched(query, day)[0] == born, (query, day)
    assert matched("José Rigoberto Pérez", None)[0] == named
    # The same for a search.
    monkeypatch.setattr(candidates, "MAX_RANKED", 3)
    for q in ("José Rigoberto Pérez", "Perez Garcia, Jose Rigoberto", "Rigoberto", "Rigobeto"):
        (item, *_) = api.get("/v1/detainees", q=q)["items"]
        assert item["id"] == named
    assert len(api.get("/v1/detainees", q="jose")["items"]) == 26


@pytest.mark.parametrize("birth_date", ["1971-02-30", "1971-05", "0000", "9999", "0001-01-01"])
def test_impossible_birth_date_is_compared_as_a_year(api: Api, birth_date: str) -> None:
    writer = api.scope("contribute")
    person = writer.detainee("Rosa Guaramato")
    body = {"items": [{"name": "Rosa Guaramato", "birth_date": birth_date}]}
    (item,) = writer.post("/v1/detainees/match", body, 200)["items"]
    assert [candidate["detainee_id"] for candidate in item["candidates"]] == [person]


# The match of a query, without a database.


@pytest.mark.parametrize("file", FILES)
def test_same_person_is_found_by_either_name(file: str) -> None:
    """Pairs that only a shared identifier connects are left out."""
    query = [
        pair
        for _, expected, a, b in pairs(file)
        if expected == "same" and not set(a.external_ids) & set(b.external_ids)
        for pair in ((a, b), (b, a))
    ]
    recalled = [
        (a, b)
        for a, b in query
        if shares_key(a, b) and any(match_names(name, b.names) for name in a.names)
    ]
    assert len(recalled) / len(query) >= 0.97


@given(texts, texts)
def test_any_text_is_a_valid_query(q: str, name: str) -> None:
    match = match_names(q, [name])
    assert match is None or 0.5 <= match.score <= 1


@given(texts.filter(lambda text: any(map(str.isalnum, text))))
def test_every_name_with_a_letter_finds_itself(name: str) -> None:
    assert not set(index_keys([name])).isdisjoint(search_keys([name], {}))
    match = match_names(name, [name])
    assert match is not None
    assert match.score > 0.65


def test_case_and_accents_do_not_change_the_score() -> None:
    names = person("José Pérez").names
    assert match_names("José Pérez", names) == match_names("Jose PEREZ", names)
