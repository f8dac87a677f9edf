"""An editor's session, which succeeds with every operation of the contract."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

from werkzeug.test import TestResponse

from api.contract import document
from api.http import routing
from tests.conftest import Api
from tests.whole_set.operations import OPERATIONS

NUMBERS = count(1)
"""Numbers of external ids and of names of sources and facilities: unique, since sessions can share
a store."""
SYLLABLES = {
    ord(digit): f"{consonant}{vowel}"
    for digit, consonant, vowel in zip("0123456789", "bcdfglmnrt", "oiueaoiuea", strict=True)
}
"""Digit -> syllable, so that numbers become words of names."""


@dataclass(frozen=True)
class Exchange:
    """A request of the session, and its response."""

    operation: document.Operation
    path: Mapping[str, Any]
    query: Mapping[str, Any]
    response: TestResponse
    # The response at the Location of a new record, if the session fetches new records.
    located: Any

    @property
    def json(self) -> Any:
        return self.response.get_json(force=True)


class Session:
    """Carries out operations with an editor's key. Creates the records that they refer to."""

    def __init__(
        self,
        api: Api,
        before_request: Callable[[], None] = lambda: None,
        *,
        fetches_new_records: bool = False,
    ) -> None:
        """`before_request` is called when the records that an operation refers to exist."""
        self.api = api.scope("edit")
        self.before_request = before_request
        self.fetches_new_records = fetches_new_records
        self.exchanges: list[Exchange] = []
        self.names = (f"Name {number}" for number in count(1))
        # Reads of one session can show the same records. To enter an event of which every list has
        # an item takes half of the time of most reads.
        self._verified_event = cache(self._new_verified_event)
        # Most records can share them. Of eight requests for an attestation they save four.
        self._facility = cache(lambda: self.id("createFacility"))
        self._announcement = cache(lambda: self.id("createClaim"))
        self._delivery = cache(self._new_delivery)

    def do(self, operation_id: str, **changes: Any) -> Exchange:
        """Carry out an operation. `given` replaces parts of its default request: path parameters
        by name, single query parameters in `query`, and fields in `body`."""
        operation = OPERATIONS[operation_id]
        request = self.request(operation_id, **changes)
        query = request.get("query", {})
        path = {k: v for k, v in request.items() if k not in {"query", "body", "data"}}
        self.before_request()
        content = {"data": request["data"], "content_type": "text/csv"} if "data" in request else {}
        response = self.api.send(
            operation.method.upper(),
            operation.path.format(**path),
            query_string={k: v for k, v in query.items() if v is not None},
            **(content or {"json": request.get("body")}),
        )
        response.get_data()  # an export holds its connection until it has been read
        assert response.status_code == operation.status, f"{operation_id}: {response.text}"
        location = response.headers.get("Location")
        located = self.api.get(location) if location and self.fetches_new_records else None
        exchange = Exchange(operation, path, query, response, located)
        self.exchanges.append(exchange)
        return exchange

    def request(self, operation_id: str, **changes: Any) -> Mapping[str, Any]:
        """Return the request that `do` sends, and create the records that it refers to."""
        request = getattr(self, routing.snake_case(operation_id))()
        parts = {
            part: created({**request.get(part, {}), **changes.get(part, {})})
            for part in ("query", "body")
            if part in request or part in changes
        }
        return created({**request, **changes, **parts})

    def id(self, operation_id: str, **changes: Any) -> str:
        return self.do(operation_id, **changes).json["id"]

    # The default request of each operation, on new records. A function as a value creates a record,
    # unless a test gives another value.

    def get_health(self) -> Any:
        return {}

    get_readiness = get_contract = get_contract_yaml = get_docs = get_health
    get_security_contact = get_style = get_favicon = get_robots = get_problems_page = get_health
    get_method_page = get_health

    def get_home_page(self) -> Any:
        self.do("getVerification")
        self.do("getComparison")
        return {"query": {"lang": "es"}}

    def get_people_page(self) -> Any:
        self.do("createAttestation")
        return {"query": {"status": "reported"}}

    def get_person_page(self) -> Any:
        event = self.api.get(f"/v1/release-events/{self._verified_event()}")
        return {"id": event["detainee_id"]}

    def get_release_page(self) -> Any:
        return {"id": self._verified_event}

    get_certificate = get_release_page

    def get_source_page(self) -> Any:
        """A source with an affiliation, an attestation and a claim."""
        source = self.do("createAffiliation").json["source_id"]
        self.do("createAttestation", body={"source_id": source})
        self.do("createClaim", body={"source_id": source, "relays": []})
        return {"id": source, "query": {"lang": "en"}}

    def get_figures_page(self) -> Any:
        return {"query": {"kind": self.do("createClaim").json["kind"]}}

    def get_differences_page(self) -> Any:
        self.do("getVerification")
        return {"query": {"from": "2026-01-01", "lang": "es"}}

    def get_announcement_page(self) -> Any:
        return {"id": self._delivery}

    def get_citation_page(self) -> Any:
        return {"id": self._changed_citation}

    def get_cited_page(self) -> Any:
        """Ask for the page of an answer that has changed since it was cited."""
        return {"query": {"url": lambda: self._citation_since_changed()["url"], "lang": "es"}}

    def get_timeline_svg(self) -> Any:
        self.do("getVerification")
        return {"query": {"from": "2026-01-07", "lang": "es"}}

    get_timeline_png = get_timeline_csv = get_timeline_svg

    def get_claims_svg(self) -> Any:
        return {"query": {**self.list_comparisons()["query"], "lang": "es"}}

    get_claims_png = get_claims_csv = get_claims_svg

    def get_delivery_svg(self) -> Any:
        return {"query": {"announcement_id": self._delivery}}

    get_delivery_png = get_delivery_csv = get_delivery_svg

    def get_groups_svg(self) -> Any:
        self.do("getVerification")
        return {"query": {"group_by": "facility_id"}}

    get_groups_png = get_groups_csv = get_groups_svg

    def get_figure_card(self) -> Any:
        self.do("getVerification")
        return {"query": {"lang": "es"}}

    def get_timeline_card(self) -> Any:
        return self.get_timeline_svg()

    def get_delivery_card(self) -> Any:
        return self.get_delivery_svg()

    get_figure_preview = get_figure_card
    get_delivery_preview = get_delivery_card

    def get_release_preview(self) -> Any:
        return {"query": {"release_event_id": self.get_verification()["id"]}}

    def get_oembed(self) -> Any:
        return {"query": {"url": "http://localhost/embed/figure?lang=es"}}

    def get_docs_asset(self) -> Any:
        return {"asset": "redoc.standalone.js"}

    def get_problem(self) -> Any:
        return {"slug": "not-found"}

    def create_source(self) -> Any:
        body = {
            "name": f"Outlet {next(NUMBERS)}",
            "kind": "ngo",
            "country": "VE",
            "url": "https://a.example",
        }
        return {"body": body}

    def get_source(self) -> Any:
        return {"id": lambda: self.do("createAffiliation").json["source_id"]}

    def update_source(self) -> Any:
        return {"id": lambda: self.id("createSource"), "body": {"country": None, "kind": "witness"}}

    def list_sources(self) -> Any:
        self.do("createAffiliation")
        return {"query": {"limit": 1}}

    def create_affiliation(self) -> Any:
        body = {"with_source_id": self.id("createSource"), "relation": "owned_by"}
        body["valid_from"] = "2020-01-01T00:00:00-04:00"
        return {"id": lambda: self.id("createSource"), "body": body}

    def get_affiliation(self) -> Any:
        return {"id": lambda: self.id("createAffiliation")}

    def list_affiliations(self) -> Any:
        self.do("createAffiliation")
        self.do("createAffiliation")
        return {"query": {"limit": 1}}

    def update_affiliation(self) -> Any:
        return {
            "id": lambda: self.id("createAffiliation"),
            "body": {"valid_until": "2026-01-01T00:00:00.5Z"},
        }

    def void_affiliation(self) -> Any:
        return {"id": lambda: self.id("createAffiliation"), "body": {"reason": "Of another owner."}}

    def undo_void_affiliation(self) -> Any:
        return {"id": lambda: self.id("voidAffiliation")}

    def create_facility(self) -> Any:
        name = f"Place {next(NUMBERS)}"
        body = {"name": name, "aliases": [f"{name} bis"], "country": "VE", "region": "Lara"}
        return {"body": body}

    def get_facility(self) -> Any:
        return {"id": lambda: self.id("createFacility")}

    def update_facility(self) -> Any:
        return {
            "id": lambda: self.id("createFacility"),
            "body": {"aliases": [f"House {next(NUMBERS)}"]},
        }

    def list_facilities(self) -> Any:
        self.do("createFacility")
        self.do("createFacility")
        return {"query": {"limit": 1}}

    def create_detainee(self) -> Any:
        return {
            "body": {
                "name": next(self.names),
                "aliases": ["Alias"],
                "sex": "female",
                "birth_date": "1980-02-29",
                "age_group": "adult",
                "nationalities": ["VE", "ES"],
                "occupation": "teacher",
                "external_ids": [{"scheme": "register", "value": f"A/{next(NUMBERS)}"}],
            }
        }

    def get_detainee(self) -> Any:
        return {"id": lambda: self.do("createDetention").json["detainee_id"]}

    def match_detainees(self) -> Any:
        person = self.api.get(f"/v1/detainees/{self.do('createDetention').json['detainee_id']}")
        item = {name: person[name] for name in ("name", "aliases", "external_ids", "sex")}
        return {"body": {"items": [{**item, "birth_date": "1980"}, {"name": "Nadie Aquí"}]}}

    def update_detainee(self) -> Any:
        return {
            "id": lambda: self.id("createDetainee"),
            "body": {"aliases": [], "birth_date": None},
        }

    def list_detainees(self) -> Any:
        self.do("createDetainee")
        self.do("createDetainee", body={"age_group": "minor", "birth_date": None})
        return {"query": {"limit": 1, "q": "alias"}}

    def merge_detainee(self) -> Any:
        """Merge two records that share a detention with a release."""
        duplicate, surviving = (self.do("createReleaseEvent").json["detainee_id"] for _ in range(2))
        return {"id": duplicate, "body": {"into": surviving}}

    def merge_source(self) -> Any:
        return {"id": lambda: self.id("createSource"), "body": {"into": self.id("createSource")}}

    def distinguish_source(self) -> Any:
        body = {"source_id": self.id("createSource")}
        return {"id": lambda: self.id("createSource"), "body": body}

    def list_duplicates(self) -> Any:
        """Two pairs of one name, so that a page of one has a next page."""
        for _ in range(2):
            number = next(NUMBERS)
            name = " ".join(str(number * factor).translate(SYLLABLES) for factor in (7919, 104729))
            for _ in range(2):
                self.do("createDetainee", body={"name": name, "aliases": []})
        return {"query": {"resource": "detainee", "limit": 1}}

    def get_merge(self) -> Any:
        return {"id": lambda: self.id("mergeDetainee")}

    undo_merge = get_merge

    def split_detainee(self) -> Any:
        """A split that moves a detention with its release event, an alias and an identifier."""
        event = self.do("createReleaseEvent").json
        person = self.do("getDetainee", id=event["detainee_id"]).json
        lists = {name: person[name][:1] for name in ("aliases", "external_ids")}
        body = {"name": next(self.names), "detention_ids": [event["detention_id"]], **lists}
        return {"id": person["id"], "body": body}

    def get_split(self) -> Any:
        return {"id": lambda: self.id("splitDetainee")}

    undo_split = get_split

    def distinguish_detainee(self) -> Any:
        body = {"detainee_id": self.id("createDetainee")}
        return {"id": lambda: self.id("createDetainee"), "body": body}

    def get_distinction(self) -> Any:
        return {"id": lambda: self.id("distinguishDetainee")}

    withdraw_distinction = get_distinction

    def get_proposal(self) -> Any:
        """Propose a detention of a hidden person with a key of scope `contribute`."""
        person = self.id("createDetainee")
        self.do("updateDetainee", id=person, body={"withheld": True})
        contributor = self.api.scope("contribute")
        body = {"detained_on": "2024-02", "charges": "None"}
        return {"id": contributor.post(f"/v1/detainees/{person}/detentions", body, 202)["id"]}

    accept_proposal = get_proposal

    def reject_proposal(self) -> Any:
        return {**self.get_proposal(), "body": {"reason": "The family names another day."}}

    def list_proposals(self) -> Any:
        self.get_proposal()
        self.do("acceptProposal")
        return {"query": {"limit": 1}}

    def create_import(self) -> Any:
        """A list with new, recorded, doubtful and invalid people, one of them released."""
        name, other = (
            f"{str(next(NUMBERS) * 7919).translate(SYLLABLES).title()} {surname}"
            for surname in ("Otero", "Quintanar")
        )
        person = self.id("createDetainee", body={"name": name, "aliases": []})
        self.do("createDetention", id=person)
        event = self.id("createReleaseEvent", body={"detainee_id": person, "detention_id": None})
        self.do("createAttestation", body={"release_event_id": event})
        self.do("createDetainee", body={"name": f"Belisario {other}", "aliases": []})
        lines = [
            "name,id,released_on,sex,facility",
            f"{name},{person},2026-01-08,,",
            f"{other} B.,,,,",
            "Nadie,,,x,",
            f"Yusmery Ozores,,,f,Prison {next(NUMBERS)}",
        ]
        query = {
            "source_id": self.id("createSource"),
            "published_at": "2026-01-09T12:25:00.25-04:00",
            "basis": "first_hand",
        }
        return {"query": query, "data": "\n".join(lines)}

    def apply_import(self) -> Any:
        preview = self.do("createImport").json
        decisions = {"possible_duplicate": "new", "invalid": "skip"}
        return {
            "id": preview["id"],
            "body": {
                "decisions": [
                    {"row": row["row"], "decision": decisions[row["outcome"]]}
                    for row in preview["rows"]
                    if row["outcome"] in decisions
                ],
                "facility_decisions": [
                    {"name": name["name"], "decision": "new", "country": "VE"}
                    for name in preview["facilities"]
                ],
            },
        }

    def get_import(self) -> Any:
        return {"id": lambda: self.id("createImport")}

    def create_detention(self) -> Any:
        return {
            "id": lambda: self.id("createDetainee"),
            "body": {
                "facility_id": self._facility,
                "detained_on": "2024-02",
                "authority": "Police",
                "charges": "None were told.",
                "whereabouts": "unknown",
            },
        }

    def get_detention(self) -> Any:
        return {"id": lambda: self.id("createDetention")}

    def update_detention(self) -> Any:
        return {"id": lambda: self.id("createDetention"), "body": {"detained_on": "2024-02-09"}}

    def list_detentions(self) -> Any:
        detainee = self.do("createReleaseEvent").json["detainee_id"]
        self.do("createDetention", id=detainee, body={"detained_on": "2026-02"})
        return {"id": detainee, "query": {"limit": 1}}

    def list_all_detentions(self) -> Any:
        self.do("createDetention")
        self.do("createDetention")
        return {"query": {"limit": 1}}

    def create_release_event(self) -> Any:
        detention = cache(lambda: self.do("createDetention").json)
        return {
            "body": {
                "detainee_id": lambda: detention()["detainee_id"],
                "detention_id": lambda: detention()["id"],
                "occurred_on": "2026-01-08",
                "place": "The gate",
                "announcement_id": self._announcement,
            }
        }

    def get_release_event(self) -> Any:
        return {"id": lambda: self.do("createAttestation").json["release_event_id"]}

    def update_release_event(self) -> Any:
        body = {"occurred_on": "2026-01-09", "announcement_id": lambda: self.id("createClaim")}
        return {"id": lambda: self.id("createReleaseEvent"), "body": body}

    def list_release_events(self) -> Any:
        first = self.do("createReleaseEvent").json
        self.do("createReleaseEvent", body={**another_day(first, "2026-01-20")})
        return {"query": {"limit": 1, "detainee_id": first["detainee_id"]}}

    def create_attestation(self) -> Any:
        return {
            "body": {
                "release_event_id": lambda: self.id("createReleaseEvent"),
                "source_id": lambda: self.id("createSource"),
                "stance": "confirms",
                "basis": "first_hand",
                "release_kind": "full",
                "evidence": "photo",
                "published_at": "2026-01-09T12:25:00.25-04:00",
                "url": "https://a.example/1",
                "archived_url": "https://archive.example/1",
                "content_sha256": "0" * 64,
                "language": "es",
                "note": "Seen at the gate.",
            }
        }

    def get_attestation(self) -> Any:
        return {"id": lambda: self.id("createAttestation")}

    def list_attestations(self) -> Any:
        first = self.do("createAttestation").json
        at = {name: first[name] for name in ("release_event_id", "source_id")}
        self.do("createAttestation", body={**at, "published_at": "2026-01-10T00:00:00Z"})
        return {"query": {"limit": 1, **at}}

    def retract_attestation(self) -> Any:
        body = {"retracted_at": "2026-01-10T00:00:00Z", "note": "A mistake."}
        return {"id": lambda: self.id("createAttestation"), "body": body}

    def void_attestation(self) -> Any:
        return {"id": lambda: self.id("createAttestation"), "body": {"reason": "Entered twice."}}

    def void_release_event(self) -> Any:
        event = self.do("createAttestation").json["release_event_id"]
        return {"id": event, "body": {"reason": "Of another person."}}

    def undo_void_release_event(self) -> Any:
        return {"id": lambda: self.id("voidReleaseEvent")}

    def void_detention(self) -> Any:
        return {"id": lambda: self.id("createDetention"), "body": {"reason": "Of another person."}}

    def undo_void_detention(self) -> Any:
        return {"id": lambda: self.id("voidDetention")}

    def void_claim(self) -> Any:
        return {"id": lambda: self.id("createClaim"), "body": {"reason": "Entered twice."}}

    def undo_void_claim(self) -> Any:
        return {"id": lambda: self.id("voidClaim")}

    def get_verification(self) -> Any:
        return {"id": self._verified_event, "query": {"min_sources": 3}}

    def _new_verified_event(self) -> str:
        """An event for which no list of the response is empty."""
        first = self.do("createAttestation").json
        on = {"release_event_id": first["release_event_id"]}
        echo = {**on, "basis": "relayed", "relays": [{"attestation_id": first["id"]}]}
        self.do("createAttestation", body=echo)
        self.do("createAttestation", body={**on, "basis": "unattributed"})
        denial = {"stance": "denies", "denial_reason": "still_held", "release_kind": "unknown"}
        self.do("createAttestation", body={**on, **denial})
        self.do("retractAttestation", id=self.id("createAttestation", body=on))
        return str(on["release_event_id"])

    def create_claim(self) -> Any:
        """An announcement of releases that relays another source."""
        body = {
            "source_id": lambda: self.id("createSource"),
            "kind": "announced",
            "value": 116,
            "qualifier": "at_least",
            "as_of": "2026-01-09T20:00:00-04:00",
            "published_at": "2026-01-10T12:25:00.25-04:00",
            "window_start": "2026-01-08",
            "facility_id": self._facility,
            "age_group": "adult",
            "nationality": "VE",
            "relays": lambda: [{"source_id": self.id("createSource")}],
            "url": "https://a.example/2",
            "note": 'The first line,\n\t"the second" \U0001f54a.',
        }
        return {"body": body}

    def get_claim(self) -> Any:
        return {"id": lambda: self.id("createClaim", body={"value": None, "relays": []})}

    def retract_claim(self) -> Any:
        body = {"retracted_at": "2026-01-11T00:00:00Z", "note": "A mistake."}
        return {"id": lambda: self.id("createClaim"), "body": body}

    def list_claims(self) -> Any:
        first = self._claim_of_delivery(self.id("createClaim"))
        at = {name: first[name] for name in ("kind", "source_id", "announcement_id")}
        self.do("createClaim", body=at)
        return {"query": {"limit": 1, **at}}

    def _claim_of_delivery(self, announcement: str) -> Any:
        """A claim about the delivery of an announcement with one confirmed release."""
        event = self.do("createReleaseEvent", body={"announcement_id": announcement}).json
        attestation = self.do("createAttestation", body={"release_event_id": event["id"]}).json
        detention = self.api.get(f"/v1/detentions/{event['detention_id']}")
        scope = {
            "facility_id": detention["facility_id"],
            "relays": [],
            "as_of": "2026-01-12T00:00:00Z",
            "published_at": "2026-01-12T00:00:00Z",
        }
        assert attestation["published_at"] < scope["as_of"]
        body = {"kind": "released", "announcement_id": announcement, **scope}
        return self.do("createClaim", body=body).json

    def get_comparison(self) -> Any:
        return {"id": self._claim_of_delivery(self.id("createClaim"))["id"]}

    def list_comparisons(self) -> Any:
        first = self._claim_of_delivery(self.id("createClaim"))
        names = ("kind", "source_id", "facility_id", "nationality", "age_group", "announcement_id")
        at = {name: first[name] for name in names}
        self.do("createClaim", body=at)
        recorded_as_of = self.api.get("/v1/counts")["recorded_as_of"]
        return {"query": {"limit": 1, **at, "recorded_as_of": recorded_as_of, "min_sources": 1}}

    def get_delivery(self) -> Any:
        return {"id": self._delivery}

    def _new_delivery(self) -> str:
        announcement = self.id("createClaim")
        self._claim_of_delivery(announcement)
        return announcement

    def get_case(self) -> Any:
        return {"id": self._delivery}

    def export_store(self) -> Any:
        self._delivery()
        return {}

    def export_package(self) -> Any:
        self._delivery()
        return {}

    def get_counts(self) -> Any:
        self.do("getVerification")
        return {"query": {"as_of": "2026-01-09T23:00:00Z", "group_by": "facility_id"}}

    def list_counted_people(self) -> Any:
        for _ in range(2):
            self.do("createAttestation")
        return {"query": {"limit": 1, "as_of": "2026-01-12T00:00:00Z"}}

    def list_differences(self) -> Any:
        for _ in range(2):
            self.do("createAttestation")
        return {"query": {"from": "2026-01-01", "until": "2026-01-12T00:00:00Z"}}

    def get_timeline(self) -> Any:
        self.do("getVerification")
        return {
            "query": {
                "from": "2026-01-09",
                "until": "2026-01-10T16:00:00Z",
                "bucket": "hour",
                "time_zone": "America/Caracas",
            }
        }

    def create_citation(self) -> Any:
        path = "/v1/release-events/{}/verification?as_of=2026-01-12T00:00:00Z"
        return {"body": {"url": lambda: path.format(self._verified_event())}}

    def get_citation(self) -> Any:
        return {"id": self._changed_citation}

    def _changed_citation(self) -> str:
        return str(self._citation_since_changed()["id"])

    def _citation_since_changed(self) -> Any:
        """A citation of a verification that has changed since."""
        citation = self.do("createCitation").json
        event = citation["figure"]["release_event_id"]
        self.do("createAttestation", body={"release_event_id": event})
        return citation

    def get_feed(self) -> Any:
        """The feed of a disputed event."""
        self.do("getVerification")
        return {}

    def list_changes(self) -> Any:
        self.do("createSource")
        self.do("createSource")
        return {"query": {"limit": 1}}


def created(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values, with the result of each that is a function."""
    return {name: value() if callable(value) else value for name, value in values.items()}


def another_day(event: Mapping[str, Any], day: str) -> Mapping[str, Any]:
    """Another release event of the same detention."""
    return {
        "detainee_id": event["detainee_id"],
        "detention_id": event["detention_id"],
        "occurred_on": day,
    }
