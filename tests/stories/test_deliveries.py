"""An announcement, and the releases counted as its delivery."""

from typing import Any

from tests.stories.newsroom import DOCUMENTED, Desk, after, figures


def test_delivery_compares_five_claims_each_at_its_own_time(desk: Desk) -> None:
    """Claims of 2, 53, 65, 73 and 116 releases count the delivery of an announced 116."""
    editor = desk.editor
    state, party, ngo, paper, committee = (
        editor.source(name, kind)
        for name, kind in (
            ("Ministerio", "state_body"),
            ("Coalición", "political_party"),
            ("Puertas Abiertas", "ngo"),
            ("Correo", "news_outlet"),
            ("Comité de Familiares", "ngo"),
        )
    )
    announcement = desk.claim(state, "announced", "2026-01-08T22:00:00Z", value=116)
    id = announcement["id"]
    comparisons: dict[str, tuple[Any, Any]] = {}

    def count(source: str, value: int, as_of: str, published_at: str | None = None) -> None:
        claim = desk.claim(
            source,
            "released",
            as_of,
            value=value,
            announcement_id=id,
            published_at=published_at or as_of,
        )
        comparisons[claim["id"]] = (claim, desk.comparison(claim))

    desk.release("Una", ["2026-01-09T08:00:00Z"] * 2, announcement=id)
    desk.release("Cuatro", ["2026-01-09T09:00:00Z"], announcement=id)
    count(party, 2, "2026-01-09T10:00:00Z")
    desk.release("Dos", ["2026-01-09T11:00:00Z", "2026-01-09T20:00:00Z"], announcement=id)
    count(ngo, 53, "2026-01-09T21:00:00Z")
    desk.release("Cinco", ["2026-01-10T09:00:00Z"], ["2026-01-10T12:00:00Z"], announcement=id)
    count(paper, 65, "2026-01-10T10:00:00Z")
    count(committee, 73, "2026-01-10T18:00:00Z", "2026-01-10T09:30:00Z")
    desk.release("Tres", ["2026-01-11T10:00:00Z"] * 2, announcement=id)
    desk.release("Seis", [], ["2026-01-11T11:00:00Z"] * 2, announcement=id)
    desk.release("Siete", announcement=id)
    desk.release("Otra", ["2026-01-11T12:00:00Z"] * 2)  # without the announcement
    count(state, 116, "2026-01-12T00:00:00Z", "2026-01-12T15:00:00Z")

    assert [
        (
            delivery["claimed"],
            *(delivery[name] for name in DOCUMENTED),
            delivery["gap"],
            delivery["verdict"],
        )
        for _, delivery in comparisons.values()
    ] == [
        (2, 1, 0, 1, 1, "within_documented"),
        (53, 2, 0, 1, 51, "above_documented"),
        (65, 2, 0, 2, 63, "above_documented"),
        (73, 2, 1, 1, 71, "above_documented"),
        (116, 4, 1, 1, 112, "above_documented"),
    ]

    # Attestations published after the time of a claim do not change its comparison.
    for claim, earlier_comparison in comparisons.values():
        comparison = desk.comparison(claim)
        assert figures(comparison, (*DOCUMENTED, "gap")) == figures(
            earlier_comparison, (*DOCUMENTED, "gap")
        )
        counts_then = desk.counts(as_of=claim["as_of"])
        assert figures(comparison, DOCUMENTED) == figures(counts_then, DOCUMENTED)
        assert comparison["citation"]["as_of"] == claim["as_of"]

    delivery = desk.delivery(announcement)
    assert delivery["announcement"] == announcement
    assert (delivery["announced"], delivery["named"], delivery["still_held"]) == (116, 7, 2)
    assert figures(delivery, DOCUMENTED) == {"confirmed": 3, "disputed": 1, "reported": 1}
    assert figures(delivery, DOCUMENTED) == figures(desk.counts(announcement_id=id), DOCUMENTED)
    newest_first = [*reversed(comparisons)]
    assert [item["claim"]["id"] for item in delivery["claims"]] == newest_first
    assert delivery["claims"] == desk.comparisons(announcement_id=id)
    assert delivery["claims"] == [
        desk.comparison(claim) for claim, _ in reversed(comparisons.values())
    ]
    claims = desk.api.get("/v1/claims", announcement_id=id)["items"]
    assert {item["id"] for item in claims} == set(comparisons)

    # The count of the ministry is of midnight, and was published in the afternoon. That of the
    # committee is of the evening, and was published in the morning.
    for as_of, published, counts in (
        ("2026-01-09T09:59:59Z", 0, (1, 0, 1)),
        ("2026-01-10T10:00:00Z", 3, (2, 0, 2)),
        ("2026-01-12T14:59:59Z", 4, (3, 1, 1)),
        ("2026-01-12T15:00:00Z", 5, (3, 1, 1)),
    ):
        earlier = desk.delivery(announcement, as_of=as_of)
        assert [item["claim"]["id"] for item in earlier["claims"]] == newest_first[5 - published :]
        assert tuple(earlier[name] for name in DOCUMENTED) == counts
        assert earlier["named"] == sum(counts) + earlier["still_held"] == 7

    # At an earlier record time.
    record_time = comparisons[newest_first[-2]][1]["citation"]["recorded_as_of"]
    earlier = desk.delivery(announcement, recorded_as_of=record_time)
    assert [item["claim"]["id"] for item in earlier["claims"]] == newest_first[3:]
    assert (earlier["named"], earlier["still_held"]) == (3, 0)
    assert figures(earlier, DOCUMENTED) == {"confirmed": 2, "disputed": 0, "reported": 1}


def test_delivery_states_the_required_number_of_sources(desk: Desk) -> None:
    announcement = desk.claim(desk.sources[5], "announced", "2026-01-08T22:00:00Z", value=116)
    for n in range(1, 5):
        at = ["2026-01-09T10:00:00Z"] * n
        event = desk.release(f"Persona {n}", at, announcement=announcement["id"])
    # A person with a second release event is named once.
    person = desk.api.get(f"/v1/release-events/{event}")["detainee_id"]
    desk.editor.event(person, "2026-02-08", announcement_id=announcement["id"])
    deliveries = [desk.delivery(announcement, min_sources=n) for n in range(1, 6)]
    assert [delivery["confirmed"] for delivery in deliveries] == [4, 3, 2, 1, 0]
    assert [delivery["reported"] for delivery in deliveries] == [0, 1, 2, 3, 4]
    assert deliveries[2]["citation"]["sentence"]["en"].endswith(
        ", 116 releases had been announced; of the four people whom this record names, at least "
        "two were confirmed as released by three or more independent sources."
    )


def test_only_an_announcement_has_a_delivery(desk: Desk) -> None:
    claim = desk.claim(desk.sources[0], "released", "2026-01-09T10:00:00Z", value=11)
    unknown = "019b9f3e-1a01-4b52-8c11-3f5d2e7a9001"
    for id in (claim["id"], unknown):
        desk.api.get(f"/v1/claims/{id}/delivery", 404)
    desk.api.get(f"/v1/claims/{unknown}/comparison", 404)
    announcement = desk.claim(desk.sources[0], "announced", "2026-01-08T22:00:00Z")
    before = after(announcement["created_at"], seconds=-1)
    desk.api.get(f"/v1/claims/{announcement['id']}/delivery", 404, recorded_as_of=before)
