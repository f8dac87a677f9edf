"""The rule `two-independent-sources/1` against its vectors and against a brute-force oracle.

The oracle implements the text of the rule literally: it follows every relay, lists every chain and
tries every set of groups. It is slow, shares no code with `api.verification`, and does not use
König's theorem, on which the algorithm of `rule` rests.
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

from api.verification import disjoint_pairs, rule
from api.verification.rule import Affiliation, Attestation, Part, missing, status

VECTORS = json.loads((Path(__file__).parent / "vectors" / "verification.json").read_text("utf-8"))

many_examples = settings(max_examples=60)


def hour(n: int) -> datetime:
    return datetime(2026, 1, 9, tzinfo=UTC) + timedelta(hours=n)


def attest(id: str, source: str, at: int = 0, **more) -> Attestation:
    """Return a first-hand confirmation with the fields of `more` replaced."""
    defaults = {"stance": "confirms", "basis": "first_hand"}
    return Attestation(id=id, source=source, published_at=hour(at), **(defaults | more))


def relay(id: str, source: str, at: int = 0, *, attestations=(), sources=(), **more) -> Attestation:
    relayed = {"relayed_attestations": tuple(attestations), "relayed_sources": tuple(sources)}
    return attest(id, source, at, basis="relayed", **relayed, **more)


@dataclass(frozen=True)
class ProofChain:
    attestation_ids: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Verdict:
    """A verdict of the rule with its whole proof, and the reasons that begin or end."""

    at: datetime
    independent_sources: int
    independent_denials: int
    proof: tuple[ProofChain, ...]
    denial_proof: tuple[ProofChain, ...]
    rests_on: tuple[tuple[str, ...], ...]
    exclusions: dict[str, str | None]
    kinds: dict[str, int]


def history(attestations, affiliations, since=None, vouched_by=None) -> list[Verdict]:
    """Return the verdicts of the rule with the parts of attestations put together."""
    in_order = sorted(attestations, key=lambda a: a.order)
    parts: dict[str, Part] = {}
    verdicts = []
    for verdict in rule.history(attestations, affiliations, None, vouched_by):
        # A part begins only where it differs from the one before, and each attestation has one.
        assert all(part != parts.get(i) for i, part in verdict.parts.items())
        exclusions = {
            i: part if isinstance(part, str) else None
            for i, part in verdict.parts.items()
            if isinstance(part, str) or isinstance(parts.get(i), str)
        }
        parts |= verdict.parts
        assert parts.keys() == {a.id for a in in_order if a.published_at <= verdict.at}
        proofs: dict[str, list[ProofChain]] = {"confirms": [], "denies": []}
        for a in in_order:
            if a.id in parts and not isinstance(parts[a.id], str):
                proofs[a.stance].append(ProofChain((a.id,), parts[a.id]))
        verdicts.append(
            Verdict(
                verdict.at,
                verdict.independent_sources,
                verdict.independent_denials,
                tuple(proofs["confirms"]),
                tuple(proofs["denies"]),
                verdict.rests_on,
                exclusions,
                dict(verdict.kinds),
            )
        )
    return [verdict for verdict in verdicts if since is None or verdict.at >= since]


def counts(verdict: Verdict) -> tuple[int, int]:
    return verdict.independent_sources, verdict.independent_denials


def not_counted(verdicts: Iterable[Verdict]) -> dict[str, str]:
    """Return what the last of the verdicts of a history does not count, with the reasons."""
    reasons = {i: reason for verdict in verdicts for i, reason in verdict.exclusions.items()}
    return {i: reason for i, reason in reasons.items() if reason}


# --- The vectors ----------------------------------------------------------------------------------


def timestamp(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def read_attestation(vector: dict, recorded: int) -> Attestation:
    def relayed(key: str) -> tuple[str, ...]:
        return tuple(relay[key] for relay in vector["relays"] if key in relay)

    return Attestation(
        id=vector["id"],
        source=vector["source"],
        stance=vector["stance"],
        basis=vector["basis"],
        published_at=datetime.fromisoformat(vector["published_at"]),
        retracted_at=timestamp(vector["retracted_at"]),
        relayed_attestations=relayed("attestation"),
        relayed_sources=relayed("source"),
        recorded=recorded,
    )


def read_affiliation(vector: dict) -> Affiliation:
    return Affiliation(
        vector["source"], vector["with"], timestamp(vector["from"]), timestamp(vector["until"])
    )


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vector(case):
    verdicts = history(
        [read_attestation(a, n) for n, a in enumerate(case["attestations"])],
        [read_affiliation(a) for a in case["affiliations"]],
        vouched_by={s["id"]: s["vouched_by"] for s in case["sources"] if "vouched_by" in s},
    )
    assert [
        {
            "at": verdict.at,
            "independent_sources": verdict.independent_sources,
            "independent_denials": verdict.independent_denials,
            "status": status(*counts(verdict), VECTORS["required_sources"]),
        }
        for verdict in verdicts
    ] == [answer | {"at": timestamp(answer["at"])} for answer in case["timeline"]]


def test_vectors_name_the_current_rule():
    assert VECTORS["rule"] == rule.RULE
    assert VECTORS["required_sources"] == rule.REQUIRED
    assert len({case["name"] for case in VECTORS["cases"]}) == len(VECTORS["cases"]) >= 96


# --- The oracle -----------------------------------------------------------------------------------

Group = frozenset  # of source ids
Chain = frozenset  # of groups


@dataclass(frozen=True)
class Event:
    attestations: tuple[Attestation, ...]
    affiliations: tuple[Affiliation, ...] = ()
    vouched_by: tuple[tuple[str, str], ...] = ()

    def history(self) -> list[Verdict]:
        return history(self.attestations, self.affiliations, vouched_by=dict(self.vouched_by))

    def moments(self) -> list[datetime]:
        """Return every time at which the verdict can change."""
        published = {a.published_at for a in self.attestations}
        retracted = {a.retracted_at for a in self.attestations if a.retracted_at}
        return sorted(published | retracted)

    def plus(self, attestation: Attestation, *affiliations: Affiliation) -> "Event":
        return replace(
            self,
            attestations=(*self.attestations, attestation),
            affiliations=(*self.affiliations, *affiliations),
        )

    def without(self, attestation: Attestation) -> "Event":
        return replace(self, attestations=tuple(a for a in self.attestations if a != attestation))


class Oracle:
    """The text of the rule, applied literally to an event at one moment."""

    def __init__(self, event: Event, at: datetime) -> None:
        self.event = event
        self.published = [a for a in event.attestations if a.published_at <= at]
        self.unretracted = [
            a for a in self.published if not (a.retracted_at and a.retracted_at <= at)
        ]
        self.live = [
            a for a in self.unretracted if a.stance == self._latest_attestation(a.source).stance
        ]
        self.group_of = self._groups()
        self.chains_of = self._chains(self.live)

    def _latest_attestation(self, source: str) -> Attestation:
        vouched_by = dict(self.event.vouched_by)
        attestations = [
            a
            for a in self.unretracted
            if a.source == source
            or (source in vouched_by and vouched_by.get(a.source) == vouched_by[source])
        ]
        return max(attestations, key=lambda a: (a.published_at, a.recorded))

    def _groups(self) -> dict[str, Group]:
        first = min(a.published_at for a in self.event.attestations)
        pairs = [
            (a.source, a.with_source)
            for a in self.event.affiliations
            if (a.valid_from is None or a.valid_from <= first)
            and (a.valid_until is None or first < a.valid_until)
        ]
        sources = {a.source for a in self.event.attestations}
        sources |= {s for a in self.event.attestations for s in a.relayed_sources}
        sources |= {s for pair in pairs for s in pair}
        sources |= {voucher for _, voucher in self.event.vouched_by}
        group_of = {s: Group({s}) for s in sources}
        for _ in sources:  # no path is longer than the number of sources
            for a, b in pairs:
                union = group_of[a] | group_of[b]
                group_of |= dict.fromkeys(union, union)
        return group_of | {s: group_of[voucher] for s, voucher in self.event.vouched_by}

    def _chains(self, live: list[Attestation]) -> dict[str, set[Chain]]:
        """Return the chains of each attestation: the least fixed point, iterated from none."""
        chains_of: dict[str, set[Chain]] = {a.id: set() for a in live}
        while True:
            extended = {a.id: self._extend_chains(a, live, chains_of) for a in live}
            if extended == chains_of:
                return chains_of
            chains_of = extended

    def _extend_chains(self, a: Attestation, live: list[Attestation], chains_of) -> set[Chain]:
        group = self.group_of[a.source]
        if a.basis == "first_hand":
            return {Chain({group})}
        if a.basis == "unattributed":
            return set()
        chains: set[Chain] = set()
        for other in live:
            if other.id in a.relayed_attestations:
                chains |= {chain | {group} for chain in chains_of[other.id]}
        for origin in (self.group_of[s] for s in a.relayed_sources):
            cited = [b for b in live if self.group_of[b.source] == origin and b.stance == a.stance]
            if origin == group:
                chains.add(Chain({group}))
            elif cited:
                chains |= {chain | {group} for b in cited for chain in chains_of[b.id]}
            else:  # the cited group is silent on this side of the event
                chains.add(Chain({origin, group}))
        return chains

    def chains(self, stance: str) -> set[Chain]:
        return {c for a in self.live if a.stance == stance for c in self.chains_of[a.id]}

    def chains_of_kind(self, kind: str) -> set[Chain]:
        asserting = [a for a in self.live if a.stance == "confirms" and a.release_kind == kind]
        return set().union(*self._chains(asserting).values())

    def has_an_origin_not_live(self, a: Attestation) -> bool:
        """Whether the relays of `a` lead to an attestation that is not live, or only in a ring."""
        live = {b.id: b for b in self.live}
        seen, next_ids = set(), {a.id}
        while next_ids:
            if next_ids - live.keys():
                return True
            seen |= next_ids
            followed = [live[i] for i in next_ids]
            relayed = {i for b in followed for i in b.relayed_attestations}
            cited = {self.group_of[s] for b in followed for s in b.relayed_sources}
            relayed |= {
                b.id for b in self.live if self.group_of[b.source] in cited and b.stance == a.stance
            }
            next_ids = relayed - seen
        return all(live[i].basis == "relayed" for i in seen)

    def reason(self, a: Attestation, verdict: Verdict) -> str:
        """Why `a` is not in the proof of `verdict`. Other tests check the proof itself."""
        if a not in self.unretracted:
            return "retracted"
        if a not in self.live:
            return "superseded"
        if not self.chains_of[a.id]:
            return "origin_not_live" if self.has_an_origin_not_live(a) else "unattributed"
        proof = verdict.proof if a.stance == "confirms" else verdict.denial_proof
        counted = {Group(group) for chain in proof for group in chain.groups}
        return "same_group" if self.group_of[a.source] in counted else "same_origin"


def min_hitting_set_size(chains: Iterable[Chain]) -> int:
    """Return the size of the smallest set of groups that meets every chain. Tries all sets."""
    chains = list(chains)
    groups = sorted(Chain().union(*chains), key=sorted)
    return next(
        size
        for size in range(len(groups) + 1)
        if any(
            all(chain & set(chosen) for chain in chains) for chosen in combinations(groups, size)
        )
    )


def max_disjoint_chains(chains: Iterable[Chain]) -> int:
    """Return the largest number of chains of which no two share a group. Tries all sets."""
    chains = list(chains)
    if not chains:
        return 0
    first, *rest = chains
    with_first = 1 + max_disjoint_chains([c for c in rest if not c & first])
    return max(with_first, max_disjoint_chains(rest))


def test_oracle_agrees_with_a_case_solved_by_hand():
    """{o1 p1} {o1 p2} {o2 p2} {a} {a q}: three, although a greedy choice of {o1 p2} gives two."""
    event = Event(
        (
            relay("1", "p2", sources=["o1"]),
            relay("2", "p1", sources=["o1"]),
            relay("3", "p2", sources=["o2"]),
            attest("4", "a"),
            relay("5", "q", attestations=["4"]),
        )
    )
    chains = Oracle(event, hour(0)).chains("confirms")
    names = sorted("".join(sorted(s for group in c for s in group)) for c in chains)
    assert names == ["a", "aq", "o1p1", "o1p2", "o2p2"]
    assert min_hitting_set_size(chains) == max_disjoint_chains(chains) == 3


# --- Random events --------------------------------------------------------------------------------

SOURCES = "abcde"
CONFIDENTIAL = (("x", "a"), ("y", "a"), ("z", "b"))
SPEAKERS = SOURCES + "xyz"
hours = st.integers(0, 4)


@st.composite
def affiliations(draw, changing: bool) -> tuple[Affiliation, ...]:
    pairs = draw(st.lists(st.permutations(SOURCES).map(lambda s: tuple(s[:2])), max_size=3))
    ends = st.none() | hours.map(hour) if changing else st.none()
    return tuple(Affiliation(a, b, draw(ends), draw(ends)) for a, b in pairs)


def up_to_two(items, at_least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    if not items:
        return st.just(())
    chosen = st.lists(st.sampled_from(items), min_size=at_least, max_size=2, unique=True)
    return chosen.map(tuple)


@st.composite
def events(draw, changing: bool = True) -> Event:
    """Draw a small event. If `changing`, affiliations begin and end around its first attestation.

    Attestations relay attestations of the same stance that were not published later (those of the
    same moment may relay each other), and sources, which include those of the same group.
    """
    attestations: list[Attestation] = []
    for n in range(draw(st.integers(1, 6))):
        at = draw(hours)
        lasts = draw(st.sampled_from([None, None, None, 0, 1, 2, 3]))
        attestations.append(
            attest(
                id=f"w{n}",
                source=draw(st.sampled_from(SPEAKERS)),
                at=at,
                stance=draw(st.sampled_from(["confirms", "confirms", "confirms", "denies"])),
                basis=draw(st.sampled_from(["first_hand", "relayed", "relayed", "unattributed"])),
                retracted_at=None if lasts is None else hour(at + lasts),
                release_kind=draw(st.sampled_from(["unknown", "exile"])),
                recorded=n,
            )
        )
    for n, a in enumerate(attestations):
        if a.basis == "relayed":
            earlier = [
                b.id
                for b in attestations
                if b is not a and b.stance == a.stance and b.published_at <= a.published_at
            ]
            ids = draw(up_to_two(earlier))
            cited = draw(up_to_two(SPEAKERS, at_least=0 if ids else 1))
            attestations[n] = replace(a, relayed_attestations=ids, relayed_sources=cited)
    return Event(tuple(attestations), draw(affiliations(changing)), CONFIDENTIAL)


def verdicts_and_oracles(event: Event) -> list[tuple[Verdict, Oracle]]:
    return [(verdict, Oracle(event, verdict.at)) for verdict in event.history()]


def verdict_at(event: Event, at: datetime) -> Verdict:
    """Return the verdict in force at a moment: the last one not after it."""
    no_verdict = Verdict(at, 0, 0, (), (), (), {}, {})
    return next((v for v in reversed(event.history()) if v.at <= at), no_verdict)


def not_counted_at(event: Event, at: datetime) -> dict[str, str]:
    return not_counted(verdict for verdict in event.history() if verdict.at <= at)


# --- The count ------------------------------------------------------------------------------------


@many_examples
@given(events())
def test_count_is_the_minimum_hitting_set_and_the_maximum_of_disjoint_chains(event):
    for verdict, oracle in verdicts_and_oracles(event):
        for stance, count in zip(("confirms", "denies"), counts(verdict), strict=True):
            chains = oracle.chains(stance)
            assert count == min_hitting_set_size(chains) == max_disjoint_chains(chains)


@many_examples
@given(st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_silent_origins_and_relaying_sources_get_a_maximum_matching(edges):
    relays = [relay(f"{o}{p}", f"p{p}", sources=[f"o{o}"]) for o, p in edges]
    event = Event(tuple(relays))
    [(verdict, oracle)] = verdicts_and_oracles(event)
    chains = oracle.chains("confirms")
    assert verdict.independent_sources == min_hitting_set_size(chains)
    assert verdict.independent_sources == max_disjoint_chains(chains)


@many_examples
@given(events())
def test_release_kind_is_counted_over_the_attestations_that_assert_it(event):
    for verdict, oracle in verdicts_and_oracles(event):
        asserted = {a.release_kind for a in oracle.live if a.stance == "confirms"}
        assert verdict.kinds == {
            kind: min_hitting_set_size(oracle.chains_of_kind(kind)) for kind in asserted
        }


@many_examples
@given(events())
def test_history_has_one_verdict_for_each_publication_or_retraction_time(event):
    assert [verdict.at for verdict in event.history()] == event.moments()


# --- Changes of the input -------------------------------------------------------------------------


@many_examples
@given(events(), st.data())
def test_history_is_independent_of_the_order_of_the_input(event, data):
    shuffled = replace(
        event,
        attestations=tuple(data.draw(st.permutations(event.attestations))),
        affiliations=tuple(data.draw(st.permutations(event.affiliations))),
    )
    assert shuffled.history() == event.history()


@many_examples
@given(events())
def test_counts_are_independent_of_the_order_of_relays(event):
    reversed_relays = tuple(
        replace(
            a,
            relayed_attestations=a.relayed_attestations[::-1],
            relayed_sources=a.relayed_sources[::-1],
        )
        for a in event.attestations
    )
    reordered = replace(event, attestations=reversed_relays)
    for first, second in zip(event.history(), reordered.history(), strict=True):
        assert counts(first) == counts(second)
        assert (first.rests_on, first.kinds) == (second.rests_on, second.kinds)


@many_examples
@given(events(), st.data())
def test_relay_of_a_live_attestation_by_a_new_source_changes_no_count(event, data):
    at = data.draw(st.sampled_from(event.moments()))
    live = Oracle(event, at).live
    assume(live)
    relayed = data.draw(st.sampled_from(live))
    echoed = event.plus(
        replace(
            relay("echo", "new", attestations=[relayed.id], stance=relayed.stance), published_at=at
        )
    )
    for verdict in echoed.history():
        assert counts(verdict) == counts(verdict_at(event, verdict.at))


@many_examples
@given(events(), st.integers(0, 5), st.sampled_from(["confirms", "denies"]))
def test_first_hand_attestation_by_a_new_unaffiliated_source_adds_one(event, later, stance):
    first = min(a.published_at for a in event.attestations)
    new = replace(attest("new", "new", stance=stance), published_at=first + timedelta(hours=later))
    for verdict in event.plus(new).history():
        sources, denials = counts(verdict_at(event, verdict.at))
        if verdict.at >= new.published_at:
            sources += stance == "confirms"
            denials += stance == "denies"
        assert counts(verdict) == (sources, denials)


@many_examples
@given(events(), st.data())
def test_first_hand_attestation_by_an_affiliate_of_a_first_hand_group_adds_none(event, data):
    at = data.draw(st.sampled_from(event.moments()))
    first_hand = [a for a in Oracle(event, at).live if a.basis == "first_hand"]
    assume(first_hand)
    existing = data.draw(st.sampled_from(first_hand))
    affiliate = data.draw(st.sampled_from(sorted(Oracle(event, at).group_of[existing.source])))
    new = replace(attest("new", "new", stance=existing.stance), published_at=at)
    with_new = event.plus(new, Affiliation("new", affiliate))
    for verdict in with_new.history():
        if verdict.at >= at and existing in Oracle(event, verdict.at).live:
            assert counts(verdict) == counts(verdict_at(event, verdict.at))


@many_examples
@given(events(changing=False), st.data())
def test_retraction_equals_absence_from_the_time_of_the_retraction(event, data):
    """Holds for constant affiliations: a retracted attestation can still set their time."""
    attestation = data.draw(st.sampled_from(event.attestations))
    retracted_at = attestation.published_at + timedelta(hours=data.draw(st.integers(0, 3)))
    absent = event.without(attestation)
    retracted = absent.plus(replace(attestation, retracted_at=retracted_at))
    for verdict in retracted.history():
        if verdict.at >= retracted_at:
            assert not_counted_at(retracted, verdict.at) == {
                **not_counted_at(absent, verdict.at),
                attestation.id: "retracted",
            }
            expected = replace(verdict_at(absent, verdict.at), at=verdict.at)
            assert replace(verdict, exclusions=expected.exclusions) == expected


def test_earliest_attestation_sets_the_time_of_the_groups_even_if_retracted():
    """a and b had one owner at the first attestation, but no longer at theirs."""
    sold = [Affiliation("a", "b", valid_until=hour(2))]
    first = attest("1", "c", at=0, retracted_at=hour(1))
    later = [attest("2", "a", at=3), attest("3", "b", at=3)]
    assert [v.independent_sources for v in history([first, *later], sold)] == [1, 0, 1]
    assert [v.independent_sources for v in history(later, sold)] == [2]


def test_earlier_attestation_counts_again_when_the_latest_is_retracted():
    attestations = [
        attest("1", "a", at=0),
        attest("2", "a", at=1, stance="denies", retracted_at=hour(2)),
    ]
    before, denied, after = history(attestations, [])
    assert [counts(v) for v in (before, denied, after)] == [(1, 0), (0, 1), (1, 0)]
    assert denied.exclusions == {"1": "superseded"}
    assert after.exclusions == {"1": None, "2": "retracted"}


def test_later_recorded_attestation_of_one_publication_time_is_the_latest():
    confirmation = attest("1", "a", recorded=1)
    denial = attest("0", "a", stance="denies", recorded=2)
    assert [counts(v) for v in history([denial, confirmation], [])] == [(0, 1)]
    earlier_denial = replace(denial, recorded=0)
    assert [counts(v) for v in history([earlier_denial, confirmation], [])] == [(1, 0)]


# --- Proofs and reasons ---------------------------------------------------------------------------


@many_examples
@given(events())
def test_proof_has_as_many_disjoint_chains_as_the_count(event):
    for verdict, oracle in verdicts_and_oracles(event):
        live = {a.id: a for a in oracle.live}
        for stance, count, proof in (
            ("confirms", verdict.independent_sources, verdict.proof),
            ("denies", verdict.independent_denials, verdict.denial_proof),
        ):
            assert len(proof) == count
            groups = [Group(group) for chain in proof for group in chain.groups]
            assert len(groups) == len(set(groups))
            for chain in proof:
                assert chain.attestation_ids
                for i in chain.attestation_ids:
                    assert live[i].stance == stance
                    assert Chain(map(Group, chain.groups)) in oracle.chains_of[i]


@many_examples
@given(events())
def test_published_attestation_is_in_a_proof_or_has_the_right_reason(event):
    for verdict, oracle in verdicts_and_oracles(event):
        chains = (*verdict.proof, *verdict.denial_proof)
        counted = [i for chain in chains for i in chain.attestation_ids]
        assert len(counted) == len(set(counted))
        assert not_counted_at(event, verdict.at) == {
            a.id: oracle.reason(a, verdict) for a in oracle.published if a.id not in counted
        }


def test_every_reason_not_to_count_an_attestation():
    """Only the relative counts, and the agency as relayed by the paper."""
    attestations = [
        attest("relative first-hand", "relative"),
        relay("paper relays agency", "paper", 1, sources=["agency"]),
        attest("radio unattributed", "radio", 1, basis="unattributed"),
        relay("tv relays radio", "tv", 2, sources=["radio"]),
        attest("ngo retracted", "ngo", 1, retracted_at=hour(2)),
        relay("blog relays ngo", "blog", 2, attestations=["ngo retracted"]),
        relay("forum relays blog", "forum", 3, sources=["blog"]),
        attest("guard confirms", "guard", 1),
        attest("guard denies", "guard", 2, stance="denies"),
        relay("paper relays relative", "paper", 2, attestations=["relative first-hand"]),
        attest("cousin unattributed", "cousin", 2, basis="unattributed"),
        attest("aunt first-hand", "aunt", 2),
        relay("weekly relays cousin", "weekly", 3, sources=["cousin"]),
        relay("daily relays agency", "daily", 3, sources=["agency"]),
    ]
    verdicts = history(
        attestations, [Affiliation("cousin", "relative"), Affiliation("aunt", "relative")]
    )
    verdict = verdicts[-1]
    assert [chain.attestation_ids for chain in verdict.proof] == [
        ("relative first-hand",),
        ("paper relays agency",),
    ]
    assert [chain.attestation_ids for chain in verdict.denial_proof] == [("guard denies",)]
    assert not_counted(verdicts) == {
        "radio unattributed": "unattributed",
        "tv relays radio": "unattributed",
        "ngo retracted": "retracted",
        "blog relays ngo": "origin_not_live",
        "forum relays blog": "origin_not_live",
        "guard confirms": "superseded",
        "paper relays relative": "same_group",
        "cousin unattributed": "unattributed",
        "aunt first-hand": "same_group",
        "weekly relays cousin": "same_origin",
        "daily relays agency": "same_origin",
    }


def test_cited_group_has_an_origin_if_any_of_its_attestations_has():
    """The radio names no origin, but a later attestation by its sister paper is first-hand."""
    attestations = [
        attest("1", "radio", 0, basis="unattributed"),
        attest("2", "sister", 1),
        relay("3", "blog", 2, sources=["radio"]),
    ]
    verdicts = history(attestations, [Affiliation("radio", "sister")])
    assert verdicts[-1].independent_sources == 1
    assert not_counted(verdicts) == {"1": "unattributed", "3": "same_origin"}


def test_chain_begins_at_its_origin_and_group_begins_with_its_head():
    owned = [Affiliation("a-paper", "holding"), Affiliation("b-radio", "holding")]
    [verdict] = history([relay("1", "b-radio", sources=["z-agency"])], owned)
    [chain] = verdict.proof
    assert chain.attestation_ids == ("1",)
    assert chain.groups == (("z-agency",), ("holding", "a-paper", "b-radio"))


@many_examples
@given(events())
def test_same_group_and_same_origin_meet_the_proof_in_every_chain(event):
    """An attestation with one of these reasons adds no independent source."""
    for verdict, oracle in verdicts_and_oracles(event):
        for i, reason in not_counted_at(event, verdict.at).items():
            if reason in ("same_group", "same_origin"):
                stance = next(a.stance for a in oracle.live if a.id == i)
                proof = verdict.proof if stance == "confirms" else verdict.denial_proof
                counted = {Group(group) for chain in proof for group in chain.groups}
                assert oracle.chains_of[i]
                assert all(chain & counted for chain in oracle.chains_of[i])


@many_examples
@given(events())
def test_rests_on_lists_every_group_that_is_in_all_chains(event):
    for verdict, oracle in verdicts_and_oracles(event):
        chains = oracle.chains("confirms")
        groups = Chain().union(*chains)
        required = {g for g in groups if not [chain for chain in chains if g not in chain]}
        assert len(verdict.rests_on) == len(required)
        assert set(map(Group, verdict.rests_on)) == required


@many_examples
@given(events(), st.integers(-1, 9))
def test_history_since_a_moment_is_the_tail_of_the_full_history(event, since):
    given = event.attestations, event.affiliations
    vouched_by = dict(event.vouched_by)
    tail = [
        verdict for verdict in rule.history(*given, None, vouched_by) if verdict.at >= hour(since)
    ]
    assert rule.history(*given, hour(since), vouched_by) == tail


@pytest.mark.parametrize("since", [None, hour(-1), hour(0), hour(1)])
def test_history_does_not_begin_with_a_retraction_before_publication(since):
    mistaken = attest("1", "a", at=1, retracted_at=hour(0))
    verdicts = history([mistaken], [], since)
    assert [(v.at, v.exclusions) for v in verdicts] == [(hour(1), {"1": "retracted"})]


# --- Status of the counts -------------------------------------------------------------------------

GRID = [
    pytest.param(sources, denials, required, id=f"{sources}-{denials}-of-{required}")
    for required in (1, 2, 3)
    for sources in range(6)
    for denials in range(6)
]


@pytest.mark.parametrize(("sources", "denials", "required"), GRID)
def test_status_and_missing_sources(sources, denials, required):
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


def test_default_required_number_of_sources_is_two():
    assert [status(n, 0) for n in range(3)] == ["unverified", "reported", "confirmed"]
    assert [status(0, n) for n in range(3)] == ["unverified", "disputed", "refuted"]
    assert [missing(n, 1) for n in range(5)] == [3, 2, 1, 0, 0]


# --- Named cases ----------------------------------------------------------------------------------

LONG = 2000


def test_long_chain_of_relays_is_one_source_and_needs_no_recursion():
    relays = [
        relay(f"r{n}", f"s{n}", attestations=[f"r{n - 1}"], recorded=n) for n in range(1, LONG)
    ]
    [verdict] = history([attest("r0", "s0"), *relays], [])
    assert counts(verdict) == (1, 0)
    assert verdict.rests_on == (("s0",),)
    assert verdict.exclusions == {a.id: "same_origin" for a in relays}

    retracted = attest("r0", "s0", retracted_at=hour(0))
    [verdict] = history([retracted, *relays], [])
    assert counts(verdict) == (0, 0)
    assert verdict.exclusions == {"r0": "retracted"} | {a.id: "origin_not_live" for a in relays}


@pytest.mark.parametrize("are_silent", [False, True])
def test_work_grows_gently_with_the_attestations_of_an_event(are_silent):
    """Twice as many attestations at twice as many moments are less than three times the work."""

    def attestation(n: int) -> Attestation:
        if are_silent:
            return relay(f"{n}", f"s{n}", n, sources=[f"o{n * k % 40}" for k in (1, 3, 7)])
        if n % 3 == 2:
            cited = {"attestations": [f"{n - 2}"], "sources": [f"s{n % 7}"]}
            return relay(f"{n}", f"s{n % 9}", n, **cited)
        return attest(f"{n}", f"s{n % 9}", n, retracted_at=hour(n + 30) if n % 5 == 0 else None)

    def work(size: int) -> int:
        attestations = [attestation(n) for n in range(size)]
        calls = 0

        def count(*_: object) -> None:
            nonlocal calls
            calls += 1

        sys.setprofile(count)
        try:
            rule.history(attestations, [])
        finally:
            sys.setprofile(None)
        return calls

    assert work(400) < 3 * work(200)


def test_attestation_of_another_source_changes_no_other_part():
    """However early it is: the parts of an event, all stored, are as many as its attestations."""
    others = [attest(f"{n}", f"s{n}", n + 1) for n in range(200)]
    others.append(relay("cited", "paper", 300, sources=["agency"]))
    early = attest("early", "new")
    _, *after = rule.history([early, *others], [])
    before = rule.history(others, [])
    assert [verdict.parts for verdict in after] == [verdict.parts for verdict in before]
    assert sum(len(verdict.parts) for verdict in before) == len(others)


def test_long_chain_of_cited_sources_needs_no_recursion():
    """s0 cites a silent origin, and each other source cites the one before it."""
    attestations = [relay(f"r{n}", f"s{n}", sources=[f"s{n - 1}"], recorded=n) for n in range(LONG)]
    [verdict] = history(attestations, [])
    assert verdict.independent_sources == 1
    assert verdict.rests_on == (("s-1",), ("s0",))


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("crowded_end", [0, 1000])
def test_long_augmenting_path_is_followed_to_its_end(backwards, crowded_end):
    """p_i and p_i+1 relay origin o_i; only the p at one end relays one more origin.

    That origin can be matched only if every other origin is matched to the next p.
    """
    n = 1000
    edges = [(f"o{i}", f"p{p}") for i in range(n) for p in (i, i + 1)]
    edges = [*(reversed(edges) if backwards else edges), ("last", f"p{crowded_end}")]
    attestations = [relay(f"w{k}", p, sources=[o], recorded=k) for k, (o, p) in enumerate(edges)]
    [verdict] = history(attestations, [])
    assert verdict.independent_sources == n + 1
    groups = [group for chain in verdict.proof for group in chain.groups]
    assert len(groups) == len(set(groups)) == 2 * (n + 1)


def test_two_sources_that_relay_each_other_do_not_count():
    """While b is silent, a counts as its relay; once b cites a in turn, neither has an origin."""
    cites_b = relay("1", "a", at=0, sources=["b"])
    cites_a = relay("2", "b", at=1, sources=["a"])
    verdicts = history([cites_b, cites_a], [])
    assert [v.independent_sources for v in verdicts] == [1, 0]
    # What each relays does not stand: neither has an attestation without an origin.
    assert not_counted(verdicts) == {"1": "origin_not_live", "2": "origin_not_live"}

    relays_2 = relay("1", "a", attestations=["2"])
    relays_1 = relay("2", "b", attestations=["1"])
    [verdict] = history([relays_2, relays_1], [])
    assert counts(verdict) == (0, 0)
    assert (verdict.proof, verdict.rests_on) == ((), ())


def test_exile_counts_only_attestations_that_assert_it():
    """The paper asserts exile but relays an NGO that does not."""
    attestations = [
        attest("1", "ngo"),
        relay("2", "paper", attestations=["1"], release_kind="exile"),
        attest("3", "relative", release_kind="exile"),
    ]
    [verdict] = history(attestations, [])
    assert verdict.independent_sources == 2
    assert verdict.kinds == {"unknown": 1, "exile": 1}
    [verdict] = history(attestations[:2], [])
    assert verdict.kinds == {"unknown": 1, "exile": 0}


# --- Imports --------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [rule, disjoint_pairs])
def test_rule_imports_only_the_standard_library(module):
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add("." * node.level + (node.module or ""))
    imported.discard("api.verification.disjoint_pairs")
    assert imported
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_relayed_attestation_without_named_origins_has_no_live_origin() -> None:
    """An export taken after the origin was voided contains such an attestation."""
    noon = datetime(2026, 1, 9, 12, tzinfo=UTC)
    attestation = Attestation("1", "paper", "confirms", "relayed", noon)
    (verdict,) = history([attestation], [])
    assert verdict.independent_sources == 0
    assert verdict.exclusions == {"1": "origin_not_live"}
