"""A list that is sent again does not bring back what an editor voided."""

from typing import Any

from api.database.queries import Connection
from tests.conftest import Api
from tests.imports.test_list_import import apply, attested_by, outcomes, preview, seq, table

NAMES = ("Fermín Otero", "Yusmery Quintanar", "Wilmer Urdaneta", "Oriana Tovar", "Nelson Guédez")


def test_what_an_editor_voided_needs_a_decision(api: Api, conn: Connection) -> None:
    editor, writer = api.scope("edit"), api.scope("contribute")
    source, other = editor.source("Casa Abierta"), editor.source("Puertas")
    rows = [
        {"nombre": name, "fecha de detención": "2024-02-09", "excarcelado el": "2026-01-08"}
        for name in NAMES
    ]
    mapping = '{"excarcelado el": "released_on"}'
    week = attested_by(source, mapping=mapping)
    people = [
        row["detainee_id"]
        for row in apply(writer, preview(writer, table(rows), **week)["id"])["rows"]
    ]
    (event,) = editor.get("/v1/release-events", detainee_id=people[0])["items"]
    twice = editor.event(people[0], "2026-02-08")

    def void(path: str) -> None:
        editor.post(f"/v1/{path}/void", {"reason": "Of a namesake."}, 200)

    def attestation_of(person: str) -> dict[str, Any]:
        (event,) = editor.get("/v1/release-events", detainee_id=person)["items"]
        (attestation,) = editor.get("/v1/attestations", release_event_id=event["id"])["items"]
        return attestation

    # The release event of the first, whose other one is void as well, the attestation of the
    # second, the detention of the third, and one of two attestations of the fourth.
    void(f"release-events/{event['id']}")
    void(f"release-events/{twice}")
    attestation = attestation_of(people[1])
    void(f"attestations/{attestation['id']}")
    third = attestation_of(people[2])
    void(f"release-events/{third['release_event_id']}")
    (detention,) = editor.get(f"/v1/detainees/{people[2]}/detentions")["items"]
    void(f"detentions/{detention['id']}")
    fourth = attestation_of(people[3])
    editor.attest(fourth["release_event_id"], source, "2026-01-10T12:00:00Z")
    void(f"attestations/{fourth['id']}")

    next_week = attested_by(source, mapping=mapping, published_at="2026-01-16T12:00:00Z")
    for query in (week, next_week):
        result = preview(writer, table(rows), **query)
        doubtful = ["possible_duplicate"] * 3
        assert outcomes(result)[:3] == doubtful
        assert [c["detainee_id"] for row in result["rows"] for c in row["candidates"]] == people[:3]
        errors = [[e["detail"] for e in row["errors"]] for row in result["rows"]]
        decision = "Decide skip to leave the row out, or same to record it again."
        day = "release event of 2026-01-08"
        assert errors == [
            [f"The {day} is void, 'Of a namesake.' (/v1/release-events/{event['id']}). {decision}"],
            [
                f"The attestation of this source to the {day} is void, 'Of a namesake.' "
                f"(/v1/attestations/{attestation['id']}). {decision}"
            ],
            [
                "The detention of 2024-02-09 is void, 'Of a namesake.' "
                f"(/v1/detentions/{detention['id']}). {decision}",
                f"The {day} is void, 'Of a namesake.' "
                f"(/v1/release-events/{third['release_event_id']}). {decision}",
            ],
            [],
            [],
        ]
        columns = [[e["column"] for e in row["errors"]] for row in result["rows"][:3]]
        released, detained = "excarcelado el", "fecha de detención"
        assert columns == [[released], [released], [detained, released]]
        assert {flip["row"] for flip in result["flips"]} <= {4, 5}
        apply(writer, result["id"], status=422)
    # Another source has not been voided, and its list brings back the release event all the same.
    result = preview(writer, table(rows), **attested_by(other, mapping=mapping))
    assert outcomes(result) == [*("possible_duplicate", "changed"), doubtful[0], *["changed"] * 2]

    # The decision `same` records it again; the next list then asks nothing about that person.
    result = preview(writer, table(rows), **next_week)
    decisions = [{"row": n, "decision": "same" if n == 1 else "skip"} for n in (1, 2, 3)]
    apply(writer, result["id"], *decisions)
    events = editor.get("/v1/release-events", detainee_id=people[0])["items"]
    assert [e["verification"]["status"] for e in events if e["voided_at"] is None] == ["reported"]
    assert editor.get(f"/v1/detainees/{people[2]}")["detention"] is None
    result = preview(writer, table(rows), **next_week)
    assert outcomes(result) == ["same", *doubtful[:2], "same", "same"]
    before = seq(conn)
    apply(writer, result["id"], *({"row": n, "decision": "skip"} for n in (2, 3)))
    assert seq(conn) == before
    # So does an attestation, published at the same moment as the void one.
    result = preview(writer, table(rows), **week)
    decisions = [{"row": 2, "decision": "same"}, {"row": 3, "decision": "skip"}]
    apply(writer, result["id"], *decisions)
    (event,) = editor.get("/v1/release-events", detainee_id=people[1])["items"]
    assert event["verification"]["status"] == "reported"
    # A reason can name a person who is hidden since.
    editor.patch(f"/v1/detainees/{people[1]}", {"withheld": True})
    hidden = writer.get(f"/v1/imports/{result['id']}")["rows"][1]
    assert (hidden["candidates"], hidden["errors"]) == ([], [])


def test_a_doubtful_row_says_what_it_would_bring_back(api: Api) -> None:
    editor = api.scope("edit")
    people = [editor.detainee("Ana María Otero", birth_date=f"1974-06-0{n}") for n in (1, 2)]
    for person in people:
        editor.detention(person, detained_on="2024-02")
    event = editor.event(people[0], "2026-01-08")
    editor.post(f"/v1/release-events/{event}/void", {"reason": "Of her sister."}, 200)
    query = attested_by(editor.source("Casa Abierta"))
    body = table([{"name": "Ana Otero", "released_on": "2026-01-09"}])
    (row,) = preview(editor, body, **query)["rows"]
    assert {candidate["detainee_id"] for candidate in row["candidates"]} == {*people}
    (error,) = row["errors"]
    assert f"is void, 'Of her sister.' (/v1/release-events/{event})" in error["detail"]
    # The decision on the name of a facility can bring back a detention.
    (detention,) = editor.get(f"/v1/detainees/{people[1]}/detentions")["items"]
    editor.post(f"/v1/detentions/{detention['id']}/void", {"reason": "Of her sister."}, 200)
    body = table([{"id": people[1], "name": "Ana María Otero", "facility": "Cárcel Nueva"}])
    (row,) = preview(editor, body)["rows"]
    (error,) = row["errors"]
    assert "The detention of 2024-02 is void" in error["detail"]
