"""The order of entry: what is recorded in two orders gives the same answers.

A history is a set of writes, some of which refer to others: people with detentions known to the
day, the month, the year or not at all, duplicate records to merge, a record of two people to split,
mistakes to void, and decisions that are undone at once. Two stores get it in random orders. After
each write some earlier responses are read again, for the same two times.

HISTORIES=200 runs more of them.
"""

import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import cycle
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from tests.brute_force import FIGURES, PROPERTIES
from tests.stories.test_detentions import histories
from tests.stories.test_record_time import (
    Chooser,
    World,
    _now,
    assert_store_is_consistent,
    new_world,
    text,
)

HISTORIES = int(os.environ.get("HISTORIES", "3"))
REFERENCE = re.compile(r"\$(\w+)")
PEOPLE = ("Ana Alfaro", "Bruno Benítez", "Carla Cárdenas")
SOURCES = ("Correo", "Faro", "Mirador", "Testigo")
REASON = {"reason": "Entered by mistake."}
SAME_EVENT = timedelta(days=3)
STATEMENT = {"basis": "first_hand", "evidence": "report"}


class Write(NamedTuple):
    """A request; `$name` in it stands for the id of a record."""

    method: str
    path: str
    body: Any
    resource: str


class Step(NamedTuple):
    """Writes that follow each other at once. The first one gives a record its name.

    An optional step is left out if its first write is refused.
    """

    name: str
    writes: Sequence[Write]
    is_optional: bool = False

    def references(self) -> set[str]:
        return {*REFERENCE.findall(repr(self.writes))} - {self.name}


class History:
    """The steps of a history, as drawn by Hypothesis."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self._choose = Chooser(data)
        self.steps: list[Step] = []
        self.releases: dict[str, date] = {}
        # The releases that end the detention before.
        self.before: dict[str, set[str]] = {}
        self._detentions: dict[str, str] = {}
        self._published = 0
        self._add_surroundings()
        for i in range(len(PEOPLE)):
            self._add_person(i)
        self._add_duplicates()
        for release in [*self.releases]:
            self._add_attestations(release)
        self._add_mistakes()
        self._add_undone_decisions()

    def _add(self, name: str, path: str, body: Any, resource: str) -> str:
        self.steps.append(Step(name, [Write("POST", path, body, resource)]))
        return name

    def _add_surroundings(self) -> None:
        one_of = self._choose.one_of
        for i, source in enumerate(SOURCES):
            self._add(f"source_{i}", "/v1/sources", {"name": source, "kind": "ngo"}, "source")
        for i in range(2):
            body = {"name": ("El Helicoide", "Rodeo")[i], "country": "VE"}
            self._add(f"place_{i}", "/v1/facilities", body, "facility")
        for i in range(self._data.draw(st.integers(0, 2))):
            first, second = self._data.draw(st.permutations(range(len(SOURCES))))[:2]
            body = {"with_source_id": f"$source_{second}", "relation": "owned_by"}
            body["valid_from"] = one_of([None, "2016-06-01T00:00:00Z", "2018-01-01T00:00:00Z"])
            path = f"/v1/sources/$source_{first}/affiliations"
            self._add(f"affiliation_{i}", path, body, "affiliation")
        self._add_claim("announced", kind="announced", value=3)
        for i in range(2):
            scope = one_of([{}, {"facility_id": "$place_0"}, {"nationality": "VE"}])
            announcement = one_of([None, "$announced"])
            self._add_claim(
                f"claim_{i}",
                kind="released",
                value=one_of([0, 1, 2, 3]),
                announcement_id=announcement,
                window_start=one_of([None, "2016-06-01"]),
                **scope,
            )

    def _add_claim(self, name: str, **body: Any) -> str:
        moment = f"{self._choose.one_of([2017, 2019, 2024])}-01-01T00:00:00Z"
        body |= {"source_id": "$source_0", "as_of": moment, "published_at": moment}
        return self._add(name, "/v1/claims", body, "claim")

    def _add_person(self, i: int) -> None:
        """Add a person with consecutive detentions and their release events."""
        one_of = self._choose.one_of
        body = {
            "name": PEOPLE[i],
            "aliases": [f"Alias {i}"],
            "age_group": one_of(["adult", "unknown", *(["minor"] if i < 2 else [])]),
            "nationalities": one_of([[], ["VE"], ["ES", "VE"]]),
            "sex": one_of([None, "female"]),
        }
        person = self._add(f"person_{i}", "/v1/detainees", body, "detainee")
        chain = self._data.draw(histories())
        # The second person has one detention, in two records.
        ended: set[str] = set()
        for j, (detained_on, days) in enumerate(chain[: 1 if i == 1 else None]):
            detention = self._add_detention(f"detention_{i}_{j}", person, detained_on)
            self.before[detention] = ended
            ended = {f"release_{i}_{j}_{k}" for k, _ in enumerate(days)}
            for name, day in zip(sorted(ended), days, strict=True):
                self._add_release(name, person, detention, day)
        if i == 2:
            self._split(
                person, [name for name in self._detentions if name.startswith("detention_2")]
            )

    def _add_detention(self, name: str, person: str, detained_on: str | None) -> str:
        facility = self._choose.one_of([None, "$place_0", "$place_1"])
        body = {"detained_on": detained_on, "facility_id": facility}
        self._detentions[name] = person
        return self._add(name, f"/v1/detainees/${person}/detentions", body, "detention")

    def _add_release(self, name: str, person: str, detention: str, day: date) -> None:
        body = {
            "detainee_id": f"${person}",
            "detention_id": f"${detention}",
            "occurred_on": str(day),
            "announcement_id": self._choose.one_of([None, "$announced"]),
        }
        self.releases[name] = day
        self._add(name, "/v1/release-events", body, "release_event")

    def _split(self, person: str, detentions: Sequence[str]) -> None:
        """Move the last detention, once it has its release events, to another person."""
        if not self._choose.one_of([True, False]):
            return
        body = {"name": "Dora Díaz", "detention_ids": [f"${detentions[-1]}"]}
        write = Write("POST", f"/v1/detainees/${person}/split", body, "split")
        # The releases are moved with it, so they are entered before.
        needed = Write(
            "GET",
            " ".join(f"${name}" for name in self.releases if name.startswith("release_2")),
            None,
            "",
        )
        self.steps.append(Step("split", [write, needed]))

    def _add_duplicates(self) -> None:
        """Add a duplicate of a source, of a person, and of the detention and a release of it."""
        body = {"name": "Gaceta", "kind": "ngo"}
        self._add("source_again", "/v1/sources", body, "source")
        path = "/v1/sources/$source_again/merge"
        self._add("merge_of_source", path, {"into": "$source_0"}, "merge")
        person = self._add("person_again", "/v1/detainees", {"name": "Berni Benz"}, "detainee")
        original = self._step("detention_1_0").writes[0].body
        self._detentions["detention_again"] = person
        path = f"/v1/detainees/${person}/detentions"
        self._add("detention_again", path, original, "detention")
        release = self._step("release_1_0_0").writes[0].body
        body = {**release, "detainee_id": f"${person}", "detention_id": "$detention_again"}
        self._add("release_again", "/v1/release-events", body, "release_event")
        self.releases["release_again"] = self.releases["release_1_0_0"]
        # Both records have the detention before they are merged.
        path = f"/v1/detainees/${person}/merge"
        write = Write("POST", path, {"into": "$person_1"}, "merge")
        needed = Write("GET", "$detention_again $detention_1_0", None, "")
        self.steps.append(Step("merge_of_person", [write, needed]))

    def _step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    def _add_attestations(self, release: str) -> None:
        one_of = self._choose.one_of
        attestations: list[str] = []
        stance = "confirms"
        sources = self._data.draw(st.permutations(["0", "1", "2", "again"]))
        for i, source in enumerate(sources[: self._data.draw(st.integers(0, 3))]):
            body: dict[str, Any] = {
                "release_event_id": f"${release}",
                "source_id": f"$source_{source}",
                "stance": one_of(["confirms", "confirms", "confirms", "denies"]),
                "release_kind": one_of(["full", "exile", "unknown"]),
                "published_at": self._moment(release),
                **STATEMENT,
            }
            if one_of([True, False, False, False]):
                relayed = {"source_id": "$source_3"}
                if attestations and source not in ("0", "again"):
                    relayed = {"attestation_id": f"${attestations[-1]}"}
                    body["stance"] = stance
                body |= {"basis": "relayed", "relays": [relayed]}
            name = self._add(f"{release}_by_{i}", "/v1/attestations", body, "attestation")
            attestations.append(name)
            stance = body["stance"]
            if one_of([True, False, False, False]):
                path = f"/v1/attestations/${name}/retraction"
                body = {"retracted_at": self._moment(release)}
                self._add(f"{name}_retracted", path, body, "attestation")

    def _moment(self, release: str) -> str:
        """Return a moment after a release, later than those before: two never coincide."""
        self._published += 1
        day = datetime.combine(self.releases[release], time(), UTC)
        return text(day + timedelta(days=1, minutes=self._published))

    def _add_mistakes(self) -> None:
        """Add records that are voided later, whatever was entered between."""
        one_of = self._choose.one_of
        if one_of([True, False]):
            detention = one_of(sorted({*self._detentions} - {"detention_again"}))
            day = one_of(["2016", "2017-05", "2014-03-03", None])
            path = f"/v1/detainees/${self._detentions[detention]}/detentions"
            self._add("mistaken_detention", path, {"detained_on": day}, "detention")
            self._void("detention", "detentions")
        detention = one_of(["detention_0_0", "detention_1_0", "detention_open", None])
        # Within three days of a release of the detention, it and the mistake would be one event.
        days = [
            str(day)
            for day in (date(2016, 1, 1), date(2017, 1, 1), date(2018, 1, 1))
            if all(abs(day - released) > SAME_EVENT for released in self.releases.values())
        ]
        day = one_of(days or [None])
        if detention == "detention_open":
            # A detention without a release event, other than the mistaken one.
            self._add_detention(detention, "person_0", one_of([None, None, "2014", "2022"]))
            day = "2014-06-01"
        if detention is not None and day is not None:
            body = {
                "detainee_id": f"${self._detentions[detention]}",
                "detention_id": f"${detention}",
                "occurred_on": day,
            }
            self._add("mistaken_release", "/v1/release-events", body, "release_event")
            body = {"release_event_id": "$mistaken_release", "source_id": "$source_1", **STATEMENT}
            body |= {"stance": "confirms", "published_at": "2018-02-01T00:00:00Z"}
            self._add("mistaken_attestation", "/v1/attestations", body, "attestation")
            self._void("release", "release-events", "release_event")
        if one_of([True, False]):
            self._add_claim("mistaken_claim", kind="released", value=9)
            self._void("claim", "claims")
        if one_of([True, False]):
            body = {"with_source_id": f"$source_{one_of([1, 2])}", "relation": "related_to"}
            path = "/v1/sources/$source_0/affiliations"
            self._add("mistaken_affiliation", path, body, "affiliation")
            self._void("affiliation", "affiliations")

    def _void(self, noun: str, path: str, resource: str | None = None) -> None:
        path = f"/v1/{path}/$mistaken_{noun}/void"
        write = Write("POST", path, REASON, resource or noun)
        needed = Write("GET", "$mistaken_attestation" if noun == "release" else "", None, "")
        self.steps.append(Step(f"void_of_{noun}", [write, needed]))

    def _add_undone_decisions(self) -> None:
        """Add decisions that are undone at once. Each may be refused where its turn comes."""
        people = ["person_0", "person_1", "person_2", "person_again"]
        sources = [f"source_{n}" for n in range(4)]
        for i in range(self._data.draw(st.integers(0, 4))):
            kind = self._choose.one_of(["people", "sources", "split", "detention", "release"])
            if kind in ("people", "sources"):
                names = people if kind == "people" else sources
                first, second = self._data.draw(st.permutations(names))[:2]
                path = f"/v1/{'detainees' if kind == 'people' else 'sources'}/${first}/merge"
                write, undo = Write("POST", path, {"into": f"${second}"}, "merge"), "/v1/merges/"
            elif kind == "split":
                detention = self._choose.one_of(["detention_0_0", "detention_0_1"])
                body = {"name": "Eva Espino", "detention_ids": [f"${detention}"]}
                write, undo = Write("POST", "/v1/detainees/$person_0/split", body, "split"), ""
                undo = "/v1/splits/"
            else:
                resource = "detention" if kind == "detention" else "release_event"
                record = self._choose.one_of(
                    sorted(self._detentions if kind == "detention" else self.releases)
                )
                path = f"/v1/{resource.replace('_', '-')}s/${record}/void"
                writes = [
                    Write("POST", path, REASON, resource),
                    Write("DELETE", path, None, resource),
                ]
                self.steps.append(Step(f"undone_{i}", writes, True))
                continue
            writes = [write, Write("DELETE", f"{undo}$undone_{i}", None, write.resource)]
            self.steps.append(Step(f"undone_{i}", writes, True))


def filled(value: Any, ids: Mapping[str, str]) -> Any:
    """Return a request with ids in place of names."""
    if isinstance(value, str):
        return REFERENCE.sub(lambda match: ids[match[1]], value)
    if isinstance(value, list):
        return [filled(item, ids) for item in value]
    if isinstance(value, dict):
        return {name: filled(item, ids) for name, item in value.items()}
    return value


class Entry:
    """The entry of a history into a store, in a random order."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self.ids: dict[str, str] = {}
        self._chance = chance
        self._reasons: dict[str, Any] = {}

    def enter(self, history: History) -> list[str]:
        """Enter the steps, and refused ones again after the others.

        Returns the reasons of those refused to the end.
        """
        # Few orders of vague detentions are accepted: often they wait for the ones before.
        in_order = "012" if self._chance.random() < 0.6 else "12"
        waiting = {n: before for n, before in history.before.items() if n[10] in in_order}
        waiting |= self._open_detention_waits(history)
        pending = sorted(history.steps, key=lambda _: self._chance.random())
        while pending:
            refused = [
                step
                for step in pending
                if not waiting.get(step.name, set()) <= self.ids.keys() or not self._write(step)
            ]
            if len(refused) == len(pending):
                # A mistake that was never entered makes no difference.
                return [
                    f"{s.name}: {self._reasons.get(s.name)}"
                    for s in refused
                    if not s.name.startswith("mistaken_")
                    and not (s.name.startswith("void_of_") and s.references() - self.ids.keys())
                ]
            pending = refused
        return []

    def _open_detention_waits(self, history: History) -> dict[str, set[str]]:
        """Enter the detention without a release after the others, or before them.

        Before them it has a mistaken release, voided at the end.
        """
        releases = {name for name in history.releases if name.startswith("release_0")}
        if "detention_open" not in {step.name for step in history.steps}:
            return {}
        if self._chance.random() < 0.5:
            return {"detention_open": releases}
        first = {"mistaken_release"}
        others = {n: first | b for n, b in history.before.items() if n.startswith("detention_0")}
        return {**others, "void_of_release": releases}

    def _write(self, step: Step) -> bool:
        if not step.references() <= self.ids.keys():
            return False
        for write in step.writes:
            if write.method == "GET":
                continue
            path, body = filled(write.path, self.ids), filled(write.body, self.ids)
            response = self.world.write(write.method, path, body, write.resource)
            answer = response.get_json(silent=True) or {}
            if response.status_code in (200, 201):
                self.ids.setdefault(step.name, answer["id"])
            elif "release_event_id" in answer:
                # The merged record has this release event already.
                assert step.name == "release_again" or step.name.startswith("release_1_0_"), step
                self.ids[step.name] = answer["release_event_id"]
            elif step.is_optional and step.name not in self.ids:
                self.ids[step.name] = ""
                return True
            else:
                assert step.name not in self.ids, (step, answer)
                self._reasons[step.name] = answer.get("errors") or answer.get("detail")
                return False
        self._read()
        return True

    def _read(self) -> None:
        """Read at the moment of the last write, and some earlier responses again."""
        earlier = [*self.world.responses]
        self.world.assert_responses_are_unchanged(
            self._chance.sample(earlier, min(len(earlier), 3))
        )
        moments = {
            "as_of": text(_now(self.world.conn)),
            "recorded_as_of": text(_now(self.world.conn)),
        }
        if self._chance.random() < 0.5:
            moments["as_of"] = self._chance.choice(["2016-06-01T00:00:00Z", "2018-06-01T00:00:00Z"])
        filters: Sequence[dict[str, str]] = [
            {},
            {"occurred_from": "2016-01-01"},
            {"nationality": "VE"},
        ]
        group = self._chance.choice(PROPERTIES)
        self.world.get_checked(
            "/v1/counts", **moments, **self._chance.choice(filters), group_by=group
        )


def answers(entry: Entry, history: History) -> Iterator[tuple[Any, Any]]:
    """Yield requests with their responses, in which names stand for ids."""
    ids, world = entry.ids, entry.world
    names = {id: name for name, id in ids.items()}
    days = sorted({day + timedelta(days=2) for day in history.releases.values()})
    moments = [None, *(f"{day}T00:00:00Z" for day in (days[0], days[len(days) // 2], days[-1]))]
    filters: Sequence[dict[str, str]] = [
        {"facility_id": ids["place_0"]},
        {"nationality": "VE"},
        {"age_group": "minor"},
        {"sex": "female"},
        {"release_kind": "full"},
        {"announcement_id": ids["announced"]},
        {"occurred_from": str(days[len(days) // 2])},
        {"occurred_until": str(days[len(days) // 2])},
    ]
    groups = cycle(PROPERTIES)
    asked = [({}, name) for name in PROPERTIES] + [(chosen, None) for chosen in filters]
    asked += [(chosen, next(groups)) for chosen in filters]
    for moment in moments:
        as_of = {} if moment is None else {"as_of": moment}
        for i, (chosen, group) in enumerate(asked):
            query: dict[str, Any] = {"min_sources": 1 + i % 2, **as_of, **chosen}
            query |= {} if group is None else {"group_by": group}
            for api in (world.public, world.api):
                response = api.get("/v1/counts", **query)
                figures = {name: response[name] for name in (*FIGURES, "undisclosed")}
                by_value = {
                    names.get(part["value"], part["value"]): {n: part[n] for n in FIGURES}
                    for part in response["groups"] or ()
                }
                yield (moment, i, api is world.api), (figures, by_value)
        for release in history.releases:
            path = f"/v1/release-events/{ids[release]}/verification"
            response = world.public.send("GET", path, query_string=as_of)
            if response.status_code == 307:
                location = response.headers["Location"]
                response = world.public.send("GET", location)
            shown = response.get_json()
            fields = ("status", "independent_sources", "independent_denials", "since")
            yield (moment, release), {name: shown[name] for name in fields}
    for claim in ("announced", "claim_0", "claim_1"):
        shown = world.public.get(f"/v1/claims/{ids[claim]}/comparison")
        fields = ("claimed", "confirmed", "disputed", "reported", "gap", "verdict", "reason")
        yield claim, {name: shown[name] for name in fields}


# As in test_record_time: a failing history takes minutes to shorten.
@settings(
    max_examples=HISTORIES,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_answers_do_not_depend_on_the_order_of_entry(
    server: str, data: st.DataObject, seed: int
) -> None:
    history, chance = History(data), random.Random(seed)
    both = []
    for _ in range(2):
        with new_world(server) as world:
            entry = Entry(world, chance)
            if refused := entry.enter(history):
                event(f"refused: {refused}")
                return
            assert_store_is_consistent(world.conn)
            world.assert_responses_are_unchanged()
            both.append([*answers(entry, history)])
    event("entered in both orders")
    for first, second in zip(*both, strict=True):
        assert first == second
