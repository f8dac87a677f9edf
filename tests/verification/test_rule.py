"""The rule `two-independent-sources/1` against its vectors and against a brute-force oracle.

The oracle, `Letter`, is the text of the rule taken literally: it follows every relay, writes down
every chain, and tries every set of groups. It is slow, shares nothing with `api.verification`, and
never uses the shortcut (König's theorem) that the rule's own code rests on.
"""

import ast
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from api.verification import rule
from api.verification.rule import Affiliation, Attestation, Verdict, history, missing, status

VECTORS = json.loads((Path(__file__).parent / "vectors" / "verification.json").read_text("utf-8"))

thoroughly = settings(max_examples=300, deadline=None)


def hour(n: int) -> datetime:
    return datetime(2026, 1, 9, tzinfo=UTC) + timedelta(hours=n)


def word(id: str, source: str, at: int = 0, **more) -> Attestation:
    """A first-hand confirmation, or whatever `more` makes of it."""
    defaults = {"stance": "confirms", "basis": "first_hand"}
    return Attestation(id=id, source=source, published_at=hour(at), **(defaults | more))


def relay(id: str, source: str, at: int = 0, *, of=(), of_sources=(), **more) -> Attestation:
    relayed = {"relayed_attestations": tuple(of), "relayed_sources": tuple(of_sources)}
    return word(id, source, at, basis="relayed", **relayed, **more)


def counts(verdict: Verdict) -> tuple[int, int]:
    return verdict.independent_sources, verdict.independent_denials


# --- The vectors ----------------------------------------------------------------------------------


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def attestation_of(vector: dict, recorded: int) -> Attestation:
    def relayed(what: str) -> tuple[str, ...]:
        return tuple(relay[what] for relay in vector["relays"] if what in relay)

    return Attestation(
        id=vector["id"],
        source=vector["source"],
        stance=vector["stance"],
        basis=vector["basis"],
        published_at=datetime.fromisoformat(vector["published_at"]),
        retracted_at=moment(vector["retracted_at"]),
        relayed_attestations=relayed("attestation"),
        relayed_sources=relayed("source"),
        recorded=recorded,
    )


def affiliation_of(vector: dict) -> Affiliation:
    return Affiliation(
        vector["source"], vector["with"], moment(vector["from"]), moment(vector["until"])
    )


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vector(case):
    verdicts = history(
        [attestation_of(a, n) for n, a in enumerate(case["attestations"])],
        [affiliation_of(a) for a in case["affiliations"]],
    )
    assert [
        {
            "at": verdict.at,
            "independent_sources": verdict.independent_sources,
            "independent_denials": verdict.independent_denials,
            "status": status(*counts(verdict), VECTORS["required_sources"]),
        }
        for verdict in verdicts
    ] == [answer | {"at": moment(answer["at"])} for answer in case["timeline"]]


def test_the_vectors_are_of_this_rule():
    assert VECTORS["rule"] == rule.RULE
    assert VECTORS["required_sources"] == rule.REQUIRED
    assert len({case["name"] for case in VECTORS["cases"]}) == len(VECTORS["cases"]) >= 96


# --- The oracle: the text of the rule, taken literally --------------------------------------------

Voice = frozenset  # of source ids: a group
Route = frozenset  # of voices: a chain


@dataclass(frozen=True)
class Event:
    attestations: tuple[Attestation, ...]
    affiliations: tuple[Affiliation, ...] = ()

    def history(self) -> list[Verdict]:
        return history(self.attestations, self.affiliations)

    def moments(self) -> list[datetime]:
        """Every moment at which an answer can change."""
        published = {a.published_at for a in self.attestations}
        retracted = {a.retracted_at for a in self.attestations if a.retracted_at}
        return sorted(published | retracted)

    def plus(self, attestation: Attestation, *affiliations: Affiliation) -> "Event":
        return Event((*self.attestations, attestation), (*self.affiliations, *affiliations))

    def without(self, attestation: Attestation) -> "Event":
        return Event(tuple(a for a in self.attestations if a != attestation), self.affiliations)


class Letter:
    """What the text of the rule says of an event at one moment."""

    def __init__(self, event: Event, at: datetime) -> None:
        self.event = event
        self.published = [a for a in event.attestations if a.published_at <= at]
        self.standing = [a for a in self.published if not (a.retracted_at and a.retracted_at <= at)]
        self.live = [a for a in self.standing if a.stance == self._latest_word(a.source).stance]
        self.voice = self._voices()
        self.chains_of = self._chains(self.live)

    def _latest_word(self, source: str) -> Attestation:
        words = [a for a in self.standing if a.source == source]
        return max(words, key=lambda a: (a.published_at, a.recorded))

    def _voices(self) -> dict[str, Voice]:
        first = min(a.published_at for a in self.event.attestations)
        ties = [
            (a.source, a.with_source)
            for a in self.event.affiliations
            if (a.valid_from is None or a.valid_from <= first)
            and (a.valid_until is None or first < a.valid_until)
        ]
        sources = {a.source for a in self.event.attestations}
        sources |= {s for a in self.event.attestations for s in a.relayed_sources}
        sources |= {s for tie in ties for s in tie}
        voice = {s: Voice({s}) for s in sources}
        for _ in sources:  # a path is never longer than there are sources
            for a, b in ties:
                together = voice[a] | voice[b]
                voice |= dict.fromkeys(together, together)
        return voice

    def _chains(self, live: list[Attestation]) -> dict[str, set[Route]]:
        """The least sets of chains that satisfy the text: from none, until nothing is added."""
        found: dict[str, set[Route]] = {a.id: set() for a in live}
        while True:
            more = {a.id: self._chains_given(a, live, found) for a in live}
            if more == found:
                return found
            found = more

    def _chains_given(self, a: Attestation, live: list[Attestation], found) -> set[Route]:
        own = self.voice[a.source]
        if a.basis == "first_hand":
            return {Route({own})}
        if a.basis == "unattributed":
            return set()
        chains: set[Route] = set()
        for other in live:
            if other.id in a.relayed_attestations:
                chains |= {chain | {own} for chain in found[other.id]}
        for origin in (self.voice[s] for s in a.relayed_sources):
            said = [b for b in live if self.voice[b.source] == origin and b.stance == a.stance]
            if origin == own:
                chains.add(Route({own}))
            elif said:  # else the group is silent on this side of the event
                chains |= {chain | {own} for b in said for chain in found[b.id]}
            else:
                chains.add(Route({origin, own}))
        return chains

    def chains(self, stance: str) -> set[Route]:
        return {c for a in self.live if a.stance == stance for c in self.chains_of[a.id]}

    def chains_of_kind(self, kind: str) -> set[Route]:
        asserting = [a for a in self.live if a.stance == "confirms" and a.release_kind == kind]
        return set().union(*self._chains(asserting).values())

    def leads_to_what_is_not_live(self, a: Attestation) -> bool:
        """Whether, following what `a` relays, one comes to an attestation that is not live."""
        live = {b.id: b for b in self.live}
        seen, next_ids = set(), {a.id}
        while next_ids:
            if next_ids - live.keys():
                return True
            seen |= next_ids
            followed = [live[i] for i in next_ids]
            relayed = {i for b in followed for i in b.relayed_attestations}
            cited = {self.voice[s] for b in followed for s in b.relayed_sources}
            relayed |= {
                b.id for b in self.live if self.voice[b.source] in cited and b.stance == a.stance
            }
            next_ids = relayed - seen
        return False

    def reason(self, a: Attestation, verdict: Verdict) -> str:
        """Why `a` is not in the proof. The proof itself is the verdict's choice, judged apart."""
        if a not in self.standing:
            return "retracted"
        if a not in self.live:
            return "superseded"
        if not self.chains_of[a.id]:
            return "origin_not_live" if self.leads_to_what_is_not_live(a) else "unattributed"
        proof = verdict.proof if a.stance == "confirms" else verdict.denial_proof
        counted = {Voice(group) for chain in proof for group in chain.groups}
        return "same_group" if self.voice[a.source] in counted else "same_origin"


def fewest_that_meet_all(chains: Iterable[Route]) -> int:
    """The size of the smallest set of groups that meets every chain, by trying all of them."""
    chains = list(chains)
    voices = sorted(Route().union(*chains), key=sorted)
    return next(
        size
        for size in range(len(voices) + 1)
        if any(all(chain & set(some) for chain in chains) for some in combinations(voices, size))
    )


def most_that_share_nothing(chains: Iterable[Route]) -> int:
    """The largest number of chains of which no two share a group, by trying all of them."""
    chains = list(chains)
    if not chains:
        return 0
    first, *rest = chains
    with_first = 1 + most_that_share_nothing([c for c in rest if not c & first])
    return max(with_first, most_that_share_nothing(rest))


def test_the_oracle_on_a_case_done_by_hand():
    """{o1 p1} {o1 p2} {o2 p2} {a} {a q}: three, although p2 could be taken for o1."""
    event = Event(
        (
            relay("1", "p2", of_sources=["o1"]),
            relay("2", "p1", of_sources=["o1"]),
            relay("3", "p2", of_sources=["o2"]),
            word("4", "a"),
            relay("5", "q", of=["4"]),
        )
    )
    chains = Letter(event, hour(0)).chains("confirms")
    names = sorted("".join(sorted(s for voice in c for s in voice)) for c in chains)
    assert names == ["a", "aq", "o1p1", "o1p2", "o2p2"]
    assert fewest_that_meet_all(chains) == most_that_share_nothing(chains) == 3


# --- Random events --------------------------------------------------------------------------------

SOURCES = "abcde"
hours = st.integers(0, 4)


@st.composite
def affiliations(draw, changing: bool) -> tuple[Affiliation, ...]:
    pairs = draw(st.lists(st.permutations(SOURCES).map(lambda s: tuple(s[:2])), max_size=3))
    ends = st.none() | hours.map(hour) if changing else st.none()
    return tuple(Affiliation(a, b, draw(ends), draw(ends)) for a, b in pairs)


def up_to_two(items, at_least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    if not items:
        return st.just(())
    some = st.lists(st.sampled_from(items), min_size=at_least, max_size=2, unique=True)
    return some.map(tuple)


@st.composite
def events(draw, changing: bool = True) -> Event:
    """A small event; `changing` lets affiliations begin and end around its first word.

    Attestations relay others of their stance that were not published later (in the same moment
    they may relay each other), and sources, their own group's among them.
    """
    words: list[Attestation] = []
    for n in range(draw(st.integers(1, 6))):
        at = draw(hours)
        lasts = draw(st.sampled_from([None, None, None, 0, 1, 2, 3]))
        words.append(
            word(
                id=f"w{n}",
                source=draw(st.sampled_from(SOURCES)),
                at=at,
                stance=draw(st.sampled_from(["confirms", "confirms", "confirms", "denies"])),
                basis=draw(st.sampled_from(["first_hand", "relayed", "relayed", "unattributed"])),
                retracted_at=None if lasts is None else hour(at + lasts),
                release_kind=draw(st.sampled_from(["unknown", "exile"])),
                recorded=n,
            )
        )
    for n, a in enumerate(words):
        if a.basis == "relayed":
            earlier = [
                b.id
                for b in words
                if b is not a and b.stance == a.stance and b.published_at <= a.published_at
            ]
            ids = draw(up_to_two(earlier))
            cited = draw(up_to_two(SOURCES, at_least=0 if ids else 1))
            words[n] = replace(a, relayed_attestations=ids, relayed_sources=cited)
    return Event(tuple(words), draw(affiliations(changing)))


def at_each_moment(event: Event) -> list[tuple[Verdict, Letter]]:
    return [(verdict, Letter(event, verdict.at)) for verdict in event.history()]


def verdict_at(event: Event, at: datetime) -> Verdict:
    """The verdict that holds at a moment: the last one not after it."""
    nothing = Verdict(at, 0, 0, (), (), (), (), {})
    return next((v for v in reversed(event.history()) if v.at <= at), nothing)


# --- The count ------------------------------------------------------------------------------------


@thoroughly
@given(events())
def test_the_count_is_the_fewest_groups_that_must_be_wrong_and_the_most_disjoint_chains(event):
    for verdict, letter in at_each_moment(event):
        for stance, count in zip(("confirms", "denies"), counts(verdict), strict=True):
            chains = letter.chains(stance)
            assert count == fewest_that_meet_all(chains) == most_that_share_nothing(chains)


@thoroughly
@given(st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_silent_origins_are_paired_with_those_who_pass_them_on_as_well_as_can_be(edges):
    words = [relay(f"{o}{p}", f"p{p}", of_sources=[f"o{o}"]) for o, p in edges]
    event = Event(tuple(words))
    [(verdict, letter)] = at_each_moment(event)
    chains = letter.chains("confirms")
    assert verdict.independent_sources == fewest_that_meet_all(chains)
    assert verdict.independent_sources == most_that_share_nothing(chains)


@thoroughly
@given(events())
def test_a_kind_is_counted_by_the_same_rule_over_the_words_that_assert_it(event):
    for verdict, letter in at_each_moment(event):
        asserted = {a.release_kind for a in letter.live if a.stance == "confirms"}
        assert verdict.kinds == {
            kind: fewest_that_meet_all(letter.chains_of_kind(kind)) for kind in asserted
        }


@thoroughly
@given(events())
def test_there_is_one_verdict_for_each_moment_at_which_something_happens(event):
    assert [verdict.at for verdict in event.history()] == event.moments()


# --- What must not matter, and what must ----------------------------------------------------------


@thoroughly
@given(events(), st.data())
def test_the_order_of_the_input_never_matters(event, data):
    shuffled = Event(
        tuple(data.draw(st.permutations(event.attestations))),
        tuple(data.draw(st.permutations(event.affiliations))),
    )
    assert shuffled.history() == event.history()


@thoroughly
@given(events())
def test_the_order_in_which_a_word_names_what_it_relays_never_matters_to_the_counts(event):
    reversed_relays = tuple(
        replace(
            a,
            relayed_attestations=a.relayed_attestations[::-1],
            relayed_sources=a.relayed_sources[::-1],
        )
        for a in event.attestations
    )
    turned = Event(reversed_relays, event.affiliations)
    for one, other in zip(event.history(), turned.history(), strict=True):
        assert counts(one) == counts(other)
        assert (one.rests_on, one.kinds) == (other.rests_on, other.kinds)


@thoroughly
@given(events(), st.data())
def test_a_relay_of_a_live_word_by_a_source_not_seen_before_changes_nothing(event, data):
    at = data.draw(st.sampled_from(event.moments()))
    live = Letter(event, at).live
    assume(live)
    relayed = data.draw(st.sampled_from(live))
    echoed = event.plus(
        replace(relay("echo", "new", of=[relayed.id], stance=relayed.stance), published_at=at)
    )
    for verdict in echoed.history():
        assert counts(verdict) == counts(verdict_at(event, verdict.at))


@thoroughly
@given(events(), st.integers(0, 5), st.sampled_from(["confirms", "denies"]))
def test_a_first_hand_word_by_a_new_unrelated_source_adds_exactly_one(event, later, stance):
    first = min(a.published_at for a in event.attestations)
    new = replace(word("new", "new", stance=stance), published_at=first + timedelta(hours=later))
    for verdict in event.plus(new).history():
        sources, denials = counts(verdict_at(event, verdict.at))
        if verdict.at >= new.published_at:
            sources += stance == "confirms"
            denials += stance == "denies"
        assert counts(verdict) == (sources, denials)


@thoroughly
@given(events(), st.data())
def test_a_first_hand_word_by_one_tied_to_a_group_that_saw_it_too_adds_none(event, data):
    at = data.draw(st.sampled_from(event.moments()))
    saw_it = [a for a in Letter(event, at).live if a.basis == "first_hand"]
    assume(saw_it)
    known = data.draw(st.sampled_from(saw_it))
    tied_to = data.draw(st.sampled_from(sorted(Letter(event, at).voice[known.source])))
    new = replace(word("new", "new", stance=known.stance), published_at=at)
    with_new = event.plus(new, Affiliation("new", tied_to))
    for verdict in with_new.history():
        if verdict.at >= at and known in Letter(event, verdict.at).live:
            assert counts(verdict) == counts(verdict_at(event, verdict.at))


@thoroughly
@given(events(changing=False), st.data())
def test_a_retracted_word_was_never_said_from_that_moment_on(event, data):
    """Only where affiliations do not change: the earliest word, retracted or not, decides them."""
    said = data.draw(st.sampled_from(event.attestations))
    retracted_at = said.published_at + timedelta(hours=data.draw(st.integers(0, 3)))
    unsaid = event.without(said)
    retracted = unsaid.plus(replace(said, retracted_at=retracted_at))
    for verdict in retracted.history():
        if verdict.at >= retracted_at:
            assert dict(verdict.not_counted)[said.id] == "retracted"
            others = tuple((i, reason) for i, reason in verdict.not_counted if i != said.id)
            never_said = replace(verdict_at(unsaid, verdict.at), at=verdict.at)
            assert replace(verdict, not_counted=others) == never_said


def test_the_earliest_word_decides_the_groups_even_after_it_is_retracted():
    """a and b had one owner when the news broke, and none by the time they spoke."""
    sold = [Affiliation("a", "b", valid_until=hour(2))]
    first = word("1", "c", at=0, retracted_at=hour(1))
    saw_it = [word("2", "a", at=3), word("3", "b", at=3)]
    assert [v.independent_sources for v in history([first, *saw_it], sold)] == [1, 0, 1]
    assert [v.independent_sources for v in history(saw_it, sold)] == [2]


def test_the_word_before_stands_again_when_the_latest_is_retracted():
    words = [
        word("1", "a", at=0),
        word("2", "a", at=1, stance="denies", retracted_at=hour(2)),
    ]
    before, denied, again = history(words, [])
    assert [counts(v) for v in (before, denied, again)] == [(1, 0), (0, 1), (1, 0)]
    assert denied.not_counted == (("1", "superseded"),)
    assert again.not_counted == (("2", "retracted"),)


def test_of_two_words_of_one_moment_the_one_recorded_later_is_the_latest():
    yes = word("1", "a", recorded=1)
    no = word("0", "a", stance="denies", recorded=2)
    assert [counts(v) for v in history([no, yes], [])] == [(0, 1)]
    assert [counts(v) for v in history([replace(no, recorded=0), yes], [])] == [(1, 0)]


# --- What an answer shows -------------------------------------------------------------------------


@thoroughly
@given(events())
def test_the_proof_is_as_many_real_chains_as_the_count_that_share_no_group(event):
    for verdict, letter in at_each_moment(event):
        live = {a.id: a for a in letter.live}
        for stance, count, proof in (
            ("confirms", verdict.independent_sources, verdict.proof),
            ("denies", verdict.independent_denials, verdict.denial_proof),
        ):
            assert len(proof) == count
            voices = [Voice(group) for chain in proof for group in chain.groups]
            assert len(voices) == len(set(voices))
            for chain in proof:
                assert chain.attestation_ids
                for i in chain.attestation_ids:
                    assert live[i].stance == stance
                    assert Route(map(Voice, chain.groups)) in letter.chains_of[i]


@thoroughly
@given(events())
def test_each_published_word_is_in_a_proof_or_not_counted_for_one_right_reason(event):
    for verdict, letter in at_each_moment(event):
        chains = (*verdict.proof, *verdict.denial_proof)
        counted = [i for chain in chains for i in chain.attestation_ids]
        not_counted = [i for i, _ in verdict.not_counted]
        assert sorted(counted + not_counted) == sorted(a.id for a in letter.published)
        by_id = {a.id: a for a in letter.published}
        assert verdict.not_counted == tuple(
            (i, letter.reason(by_id[i], verdict)) for i in not_counted
        )


def test_every_reason_not_to_count_a_word():
    """The relative's word counts, and the agency's through the paper. All others add nothing."""
    words = [
        word("said", "relative"),
        relay("passed on", "paper", 1, of_sources=["agency"]),
        word("it is known", "radio", 1, basis="unattributed"),
        relay("radio says", "tv", 2, of_sources=["radio"]),
        word("withdrawn", "ngo", 1, retracted_at=hour(2)),
        relay("ngo said", "blog", 2, of=["withdrawn"]),
        relay("blog says", "forum", 3, of_sources=["blog"]),
        word("changed my mind", "guard", 1),
        word("not him", "guard", 2, stance="denies"),
        relay("again", "paper", 2, of=["said"]),
        word("rumour", "cousin", 2, basis="unattributed"),
        word("the cousin is family", "aunt", 2),
        relay("family says", "weekly", 3, of_sources=["cousin"]),
        relay("agency says", "daily", 3, of_sources=["agency"]),
    ]
    verdict = history(words, [Affiliation("cousin", "relative"), Affiliation("aunt", "relative")])[
        -1
    ]
    assert [chain.attestation_ids for chain in verdict.proof] == [("said",), ("passed on",)]
    assert [chain.attestation_ids for chain in verdict.denial_proof] == [("not him",)]
    assert dict(verdict.not_counted) == {
        "it is known": "unattributed",
        "radio says": "unattributed",
        "withdrawn": "retracted",
        "ngo said": "origin_not_live",
        "blog says": "origin_not_live",
        "changed my mind": "superseded",
        "again": "same_group",
        "rumour": "unattributed",
        "the cousin is family": "same_group",
        "family says": "same_origin",
        "agency says": "same_origin",
    }


def test_a_cited_group_stands_if_any_of_its_words_does():
    """The radio's first word names no origin; its sister paper, later, saw it."""
    words = [
        word("1", "radio", 0, basis="unattributed"),
        word("2", "sister", 1),
        relay("3", "blog", 2, of_sources=["radio"]),
    ]
    verdict = history(words, [Affiliation("radio", "sister")])[-1]
    assert verdict.independent_sources == 1
    assert verdict.not_counted == (("1", "unattributed"), ("3", "same_origin"))


def test_a_chain_runs_from_the_origin_on_and_a_group_goes_by_the_one_at_its_head():
    owned = [Affiliation("a-paper", "holding"), Affiliation("b-radio", "holding")]
    [verdict] = history([relay("1", "b-radio", of_sources=["z-agency"])], owned)
    [chain] = verdict.proof
    assert chain.attestation_ids == ("1",)
    assert chain.groups == (("z-agency",), ("holding", "a-paper", "b-radio"))


@thoroughly
@given(events())
def test_a_word_that_could_have_been_counted_meets_the_proof_in_each_of_its_chains(event):
    """`same_group` and `same_origin` mean what they say: it adds no independence."""
    for verdict, letter in at_each_moment(event):
        for i, reason in verdict.not_counted:
            if reason in ("same_group", "same_origin"):
                stance = next(a.stance for a in letter.live if a.id == i)
                proof = verdict.proof if stance == "confirms" else verdict.denial_proof
                counted = {Voice(group) for chain in proof for group in chain.groups}
                assert letter.chains_of[i]
                assert all(chain & counted for chain in letter.chains_of[i])


@thoroughly
@given(events())
def test_a_release_rests_on_every_group_that_alone_would_void_it(event):
    for verdict, letter in at_each_moment(event):
        chains = letter.chains("confirms")
        voices = Route().union(*chains)
        void_it = {v for v in voices if not [chain for chain in chains if v not in chain]}
        assert len(verdict.rests_on) == len(void_it)
        assert set(map(Voice, verdict.rests_on)) == void_it


@thoroughly
@given(events(), st.integers(-1, 9))
def test_a_history_since_a_moment_is_the_tail_of_the_full_one(event, since):
    tail = [verdict for verdict in event.history() if verdict.at >= hour(since)]
    assert history(event.attestations, event.affiliations, since=hour(since)) == tail


@pytest.mark.parametrize("since", [None, hour(-1), hour(0), hour(1)])
def test_a_word_retracted_before_it_was_published_does_not_open_the_history(since):
    mistaken = word("1", "a", at=1, retracted_at=hour(0))
    verdicts = history([mistaken], [], since)
    assert [(v.at, v.not_counted) for v in verdicts] == [(hour(1), (("1", "retracted"),))]


# --- The word for the counts ----------------------------------------------------------------------

GRID = [
    pytest.param(sources, denials, required, id=f"{sources}-{denials}-of-{required}")
    for required in (1, 2, 3)
    for sources in range(6)
    for denials in range(6)
]


@pytest.mark.parametrize(("sources", "denials", "required"), GRID)
def test_status_and_what_is_missing(sources, denials, required):
    table = [
        ("confirmed", sources - denials >= required),
        ("refuted", denials - sources >= required),
        ("disputed", denials >= 1),
        ("reported", sources >= 1),
        ("unverified", True),
    ]
    assert status(sources, denials, required) == next(name for name, when in table if when)
    needed = next(n for n in range(20) if status(sources + n, denials, required) == "confirmed")
    assert missing(sources, denials, required) == needed


def test_two_are_required_unless_the_caller_asks_otherwise():
    assert [status(n, 0) for n in range(3)] == ["unverified", "reported", "confirmed"]
    assert [status(0, n) for n in range(3)] == ["unverified", "disputed", "refuted"]
    assert [missing(n, 1) for n in range(5)] == [3, 2, 1, 0, 0]


# --- Named cases ----------------------------------------------------------------------------------

LONG = 2000


def test_a_long_chain_of_relays_is_one_source_and_exhausts_nothing():
    relays = [relay(f"r{n}", f"s{n}", of=[f"r{n - 1}"], recorded=n) for n in range(1, LONG)]
    [verdict] = history([word("r0", "s0"), *relays], [])
    assert counts(verdict) == (1, 0)
    assert verdict.rests_on == (("s0",),)
    assert verdict.not_counted == tuple((a.id, "same_origin") for a in relays)

    retracted = word("r0", "s0", retracted_at=hour(0))
    [verdict] = history([retracted, *relays], [])
    assert counts(verdict) == (0, 0)
    assert dict(verdict.not_counted) == {"r0": "retracted"} | {
        a.id: "origin_not_live" for a in relays
    }


def test_a_long_chain_of_sources_that_cite_each_other_exhausts_nothing():
    """s0 cites a silent origin, and each other source cites the one before it."""
    words = [relay(f"r{n}", f"s{n}", of_sources=[f"s{n - 1}"], recorded=n) for n in range(LONG)]
    [verdict] = history(words, [])
    assert verdict.independent_sources == 1
    assert verdict.rests_on == (("s-1",), ("s0",))


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("crowded_end", [0, 1000])
def test_a_long_augmenting_path_is_followed_to_its_end(backwards, crowded_end):
    """Origin o_i is passed on by p_i and p_i+1, and one more only by the p at one end.

    It has a place only if every other origin moves over by one.
    """
    n = 1000
    edges = [(f"o{i}", f"p{p}") for i in range(n) for p in (i, i + 1)]
    edges = [*(reversed(edges) if backwards else edges), ("last", f"p{crowded_end}")]
    words = [relay(f"w{k}", p, of_sources=[o], recorded=k) for k, (o, p) in enumerate(edges)]
    [verdict] = history(words, [])
    assert verdict.independent_sources == n + 1
    groups = [group for chain in verdict.proof for group in chain.groups]
    assert len(groups) == len(set(groups)) == 2 * (n + 1)


def test_two_sources_that_relay_each_other_count_nothing():
    """While b is silent, a passes on its word; once b turns out to have it from a, nobody has."""
    cites_b = relay("1", "a", at=0, of_sources=["b"])
    cites_a = relay("2", "b", at=1, of_sources=["a"])
    assert [v.independent_sources for v in history([cites_b, cites_a], [])] == [1, 0]

    relays_2 = relay("1", "a", of=["2"])
    relays_1 = relay("2", "b", of=["1"])
    [verdict] = history([relays_2, relays_1], [])
    assert counts(verdict) == (0, 0)
    assert (verdict.proof, verdict.rests_on) == ((), ())


def test_exile_counts_only_what_asserts_it():
    """The paper says exile and rests on an NGO that said no such thing."""
    words = [
        word("1", "ngo"),
        relay("2", "paper", of=["1"], release_kind="exile"),
        word("3", "relative", release_kind="exile"),
    ]
    [verdict] = history(words, [])
    assert verdict.independent_sources == 2
    assert verdict.kinds == {"unknown": 1, "exile": 1}
    [verdict] = history(words[:2], [])
    assert verdict.kinds == {"unknown": 1, "exile": 0}


# --- The core stays pure --------------------------------------------------------------------------


def test_the_rule_imports_nothing_but_the_standard_library():
    tree = ast.parse(Path(rule.__file__).read_text("utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add("." * node.level + (node.module or ""))
    assert imported
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_a_relayed_word_whose_origins_are_not_told_has_no_live_origin() -> None:
    """As an export leaves it that was taken after its origin was voided."""
    noon = datetime(2026, 1, 9, 12, tzinfo=UTC)
    word = Attestation("word", "paper", "confirms", "relayed", noon)
    (verdict,) = history([word], [])
    assert verdict.independent_sources == 0
    assert verdict.not_counted == (("word", "origin_not_live"),)
