"""The rule `two-independent-sources/1`: when a release is confirmed, and the proof.

A pure function of sources, affiliations and attestations: no clock, no database, no order of
arrival. A *group* is a set of sources joined by affiliations and counts as one source. A *chain* is
the set of groups that a report passed through. The answer is the least number of groups that would
all have to be wrong for every chain to fail.

That number needs no search. A relay of a live attestation only adds groups to a chain that is
already there, so the chains that contain no other are of two forms: {a}, a group with knowledge
of its own, and {o, p}, a silent origin o that p relays. By König's theorem (1931) the least
set that meets every edge of a bipartite graph is as large as its largest matching, and the
matching is the proof: that many chains that share no group.

A confidential source speaks through the organisation that vouches for it, and has no affiliations.
A set of groups that meets its chains also meets them in the group of that organisation. So the
organisation stands in its place. All confidential sources of one organisation are one source, also
where the latest statement supersedes the earlier ones.
"""

from bisect import bisect_left
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Literal, NamedTuple

from api.verification.disjoint_pairs import DisjointPairs, Group

RULE = "two-independent-sources/1"
REQUIRED = 2

Stance = Literal["confirms", "denies"]
Basis = Literal["first_hand", "relayed", "unattributed"]
Status = Literal["confirmed", "disputed", "reported", "refuted", "unverified"]
Reason = Literal[
    "superseded", "retracted", "unattributed", "origin_not_live", "same_group", "same_origin"
]
Chain = tuple[Group, ...]
"""A group with knowledge of its own, or a silent origin and the group that relays it."""
Part = Chain | Reason
"""The part of an attestation in a verdict: its chain in the proof, or why it adds nothing."""
Speaker = tuple[str, bool]
"""One value for all confidential sources of an organisation; for any other source its own."""
Times = int
"""A set of moments of a history: bit n stands for its moment n.

So each step of the rule is applied to all moments at once. One moment after the other, 1,500
attestations took fifty times as long (16 s instead of 0.3 s).
"""


@dataclass(frozen=True, slots=True)
class Affiliation:
    """A relation of two sources while `valid_from <= moment < valid_until`; open ends allowed."""

    source: str
    with_source: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def in_force(self, moment: datetime) -> bool:
        return (self.valid_from is None or self.valid_from <= moment) and (
            self.valid_until is None or moment < self.valid_until
        )


@dataclass(frozen=True, slots=True)
class Attestation:
    """One source's statement on one release event.

    `recorded` orders the attestations that were published at the same moment.
    """

    id: str
    source: str
    stance: Stance
    basis: Basis
    published_at: datetime
    retracted_at: datetime | None = None
    relayed_attestations: Sequence[str] = ()
    relayed_sources: Sequence[str] = ()
    release_kind: str = "unknown"
    recorded: int = 0

    @property
    def order(self) -> tuple[datetime, int, str]:
        return (self.published_at, self.recorded, self.id)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rule's answer for one release event from the moment `at` on.

    `parts` has the parts of attestations that begin at this moment. The chains among all parts are
    the proof. (With the whole proof in each verdict, 1,500 sources took a million chains.)
    """

    at: datetime
    independent_sources: int
    independent_denials: int
    rests_on: tuple[Group, ...]
    kinds: Mapping[str, int]
    parts: Mapping[str, Part]


def status(independent_sources: int, independent_denials: int, required: int = REQUIRED) -> Status:
    """Return the status of two counts. Each independent denial raises the bar by one."""
    if independent_sources - independent_denials >= required:
        return "confirmed"
    if independent_denials - independent_sources >= required:
        return "refuted"
    if independent_denials >= 1:
        return "disputed"
    if independent_sources >= 1:
        return "reported"
    return "unverified"


def missing(independent_sources: int, independent_denials: int, required: int = REQUIRED) -> int:
    """Return how many more independent sources would confirm the release."""
    return max(0, required - (independent_sources - independent_denials))


def history(
    attestations: Iterable[Attestation],
    affiliations: Iterable[Affiliation],
    since: datetime | None = None,
    vouched_by: Mapping[str, str] | None = None,
) -> list[Verdict]:
    """Return the verdict at every moment at which an attestation is published or retracted.

    `since` leaves out the moments before it. Voided attestations must not be passed. `vouched_by`
    maps each confidential source, which has no affiliations, to the source that vouches for it.
    """
    attestations = sorted(attestations, key=lambda a: a.order)
    if not attestations:
        return []
    groups = _Groups(affiliations, attestations[0].published_at, vouched_by or {})
    record = _Record(attestations, groups)
    confirming = _Count([a for a in attestations if a.stance == "confirms"], groups, record)
    denying = _Count([a for a in attestations if a.stance == "denies"], groups, record)
    reasons = record.reasons | confirming.reasons() | denying.reasons()
    return [
        Verdict(
            at=at,
            independent_sources=proof.size,
            independent_denials=denial_proof.size,
            rests_on=proof.rests_on,
            kinds=kinds,
            parts={**parts, **proof.begun, **denial_proof.begun},
        )
        for at, proof, denial_proof, kinds, parts in zip(
            record.moments,
            confirming.proofs,
            denying.proofs,
            _kinds(confirming.attestations, groups, record),
            _beginnings(reasons, len(record.moments)),
            strict=True,
        )
        if since is None or at >= since
    ]


class _Groups:
    """The group of each source: the connected components of the affiliations at one moment."""

    def __init__(
        self,
        affiliations: Iterable[Affiliation],
        moment: datetime,
        vouched_by: Mapping[str, str],
    ) -> None:
        self._vouched_by = vouched_by
        self._group: dict[str, Group] = {}
        neighbours: dict[str, set[str]] = {}
        subordinate: set[str] = set()
        for affiliation in affiliations:
            if affiliation.in_force(moment):
                neighbours.setdefault(affiliation.source, set()).add(affiliation.with_source)
                neighbours.setdefault(affiliation.with_source, set()).add(affiliation.source)
                subordinate.add(affiliation.source)
        for start in neighbours:
            if start not in self._group:
                members, queue = {start}, [start]
                while queue:
                    joined = neighbours[queue.pop()] - members
                    members |= joined
                    queue.extend(joined)
                # The head gives the group its name. It is a source that is subordinate to none, if
                # there is one, with the most affiliations.
                group = tuple(
                    sorted(members, key=lambda s: (s in subordinate, -len(neighbours[s]), s))
                )
                self._group.update(dict.fromkeys(members, group))

    def __getitem__(self, source: str) -> Group:
        speaker = self._vouched_by.get(source, source)
        return self._group.get(speaker) or (speaker,)

    def speaker(self, source: str) -> Speaker:
        return self._vouched_by.get(source, source), source in self._vouched_by


class _Record:
    """The moments of a history, when each attestation is live, and why it is not otherwise."""

    def __init__(self, attestations: Sequence[Attestation], groups: _Groups) -> None:
        moments = {a.published_at for a in attestations}
        moments |= {a.retracted_at for a in attestations if a.retracted_at is not None}
        # A retraction with a date before the publication, by mistake, must not begin the history.
        self.moments = sorted(m for m in moments if m >= attestations[0].published_at)
        self.live: dict[str, Times] = {}
        self.reasons: dict[tuple[str, Reason], Times] = {}
        # When a speaker's latest statement has a stance, and when there is a later statement.
        latest: dict[tuple[Speaker, Stance], Times] = defaultdict(int)
        spoken: dict[Speaker, Times] = defaultdict(int)
        for a in reversed(attestations):
            speaker = groups.speaker(a.source)
            published, retracted = self._since(a.published_at), self._since(a.retracted_at)
            times = self.live[a.id] = published & ~retracted
            self.reasons[a.id, "retracted"] = published & retracted
            latest[speaker, a.stance] |= times & ~spoken[speaker]
            spoken[speaker] |= times
        for a in attestations:
            superseded = self.live[a.id] & ~latest[groups.speaker(a.source), a.stance]
            self.reasons[a.id, "superseded"] = superseded
            self.live[a.id] &= ~superseded

    def _since(self, moment: datetime | None) -> Times:
        """Return the moments from this one on; none for None."""
        if moment is None:
            return 0
        return (1 << len(self.moments)) - (1 << bisect_left(self.moments, moment))


def _beginnings(
    reasons: Mapping[tuple[str, Reason], Times], moments: int
) -> Sequence[Mapping[str, Part]]:
    """Return the reasons that begin at each moment."""
    begun: list[dict[str, Part]] = [{} for _ in range(moments + 1)]
    for (id, reason), times in reasons.items():
        for n in _numbers(times & ~(times << 1)):
            begun[n][id] = reason
    return begun[:moments]


def _kinds(
    confirming: Sequence[Attestation], groups: _Groups, record: _Record
) -> Sequence[Mapping[str, int]]:
    """Return, for each moment, the independent sources of each kind of release, over those that
    assert it."""
    by_kind: dict[str, list[Attestation]] = {}
    for a in confirming:
        by_kind.setdefault(a.release_kind, []).append(a)
    kinds: list[dict[str, int]] = [{} for _ in record.moments]
    for kind, attestations in sorted(by_kind.items()):
        proofs = _Count(attestations, groups, record).proofs
        for n in _numbers(reduce(or_, (record.live[a.id] for a in attestations))):
            kinds[n][kind] = proofs[n].size
    return kinds


class _Proof(NamedTuple):
    """The most chains that share no group: their number, those that join, what all rest on."""

    size: int
    begun: Mapping[str, Part]
    rests_on: tuple[Group, ...]


class _Count:
    """The independent sources behind live attestations of one stance, at each moment."""

    def __init__(
        self, attestations: Sequence[Attestation], groups: _Groups, record: _Record
    ) -> None:
        self.attestations = attestations
        self._group = {a.id: groups[a.source] for a in attestations}
        # When an attestation is live, and when a group has one that is.
        self._live: dict[str | Group, Times] = defaultdict(int)
        for a in attestations:
            self._live[a.id] = record.live[a.id]
            self._live[self._group[a.id]] |= record.live[a.id]
        self._read(groups)
        self._prove(len(record.moments))

    def _read(self, groups: _Groups) -> None:
        """Set the chains that attestations begin, and the attestations that support the others."""
        # In order of publication. A chain is of the first live attestation that begins it.
        self._chains: list[tuple[str, Chain, Times]] = []
        self._begins: dict[str, Times] = defaultdict(int)
        self._unsupported: dict[str, Times] = {}
        # An attestation supports those that relay it, and its group, which supports those that
        # relay the group.
        self._supported: dict[str | Group, list[str | Group]] = defaultdict(list)
        begun: dict[Chain, Times] = defaultdict(int)
        for a in self.attestations:
            group, live = self._group[a.id], self._live[a.id]
            origins = [groups[s] for s in sorted(a.relayed_sources)]
            chains: dict[Chain, Times] = {}
            if a.basis == "first_hand" or group in origins:
                chains[group,] = live
            chains |= {(o, group): live & ~self._live[o] for o in origins if o != group}
            for chain, times in chains.items():
                if first := times & ~begun[chain]:
                    self._chains.append((a.id, chain, first))
                begun[chain] |= times
                self._begins[a.id] |= times
            self._supported[a.id].append(group)
            for origin in origins:
                if origin != group:
                    self._supported[origin].append(a.id)
            # An export leaves out voided attestations, so an attestation can lack all its relays.
            relays_nothing = a.basis == "relayed" and not (a.relayed_attestations or origins)
            supported = 0 if relays_nothing else live
            for relayed in a.relayed_attestations:
                self._supported[relayed].append(a.id)
                supported &= self._live[relayed]
            self._unsupported[a.id] = live & ~supported

    def _prove(self, moments: int) -> None:
        """Set the proof of each moment, and when each attestation and group is in the proof."""
        switched: list[list[int]] = [[] for _ in range(moments + 1)]
        for number, (_, _, times) in enumerate(self._chains):
            for n in _numbers(times ^ times << 1):
                switched[n].append(number)
        self.proofs: list[_Proof] = []
        self._counted: dict[str | Group, Times] = defaultdict(int)
        first_hand: dict[Group, int] = {}
        relayed: dict[Group, dict[int, Group]] = defaultdict(dict)
        pairs = DisjointPairs()
        for n, numbers in enumerate(switched[:moments]):
            changed: set[int] = set()
            for number in numbers:
                _, (*origin, group), times = self._chains[number]
                begins = times >> n & 1
                if origin:
                    if begins:
                        relayed[group][number] = origin[0]
                    else:
                        del relayed[group][number]
                else:
                    changed.add(number)
                    if begins:
                        first_hand[group] = number
                    elif first_hand[group] == number:
                        del first_hand[group]
            for group in {self._chains[number][1][-1] for number in numbers}:
                pairs.replace(group, {} if group in first_hand else relayed[group])
            changed |= pairs.match()
            begun: dict[str, Part] = {}
            for number in changed:
                id, chain, _ = self._chains[number]
                self._counted[id] ^= -1 << n
                self._counted[chain[-1]] ^= -1 << n
                if number in pairs.matched or first_hand.get(chain[-1]) == number:
                    begun[id] = chain
            size = len(first_hand) + len(pairs.matched)
            rests_on = (tuple(first_hand) or pairs.common()) if size == 1 else ()
            self.proofs.append(_Proof(size, begun, rests_on))

    def reasons(self) -> dict[tuple[str, Reason], Times]:
        """Return when, and why, each live attestation outside the proof adds nothing to it."""
        stands = self._reached_from(self._begins)
        falls = self._reached_from({i: t & ~stands[i] for i, t in self._unsupported.items()})
        # Relays that lead to no unattributed attestation lead in a ring, in which nothing stands.
        without_origin = self._reached_from(
            {a.id: self._live[a.id] for a in self.attestations if a.basis == "unattributed"}
        )
        reasons: dict[tuple[str, Reason], Times] = {}
        for a in self.attestations:
            excluded = self._live[a.id] & ~self._counted[a.id]
            is_traced = without_origin[a.id] & ~falls[a.id]
            in_group = self._counted[self._group[a.id]]
            reasons |= {
                (a.id, "unattributed"): excluded & ~stands[a.id] & is_traced,
                (a.id, "origin_not_live"): excluded & ~stands[a.id] & ~is_traced,
                (a.id, "same_group"): excluded & stands[a.id] & in_group,
                (a.id, "same_origin"): excluded & stands[a.id] & ~in_group,
            }
        return reasons

    def _reached_from(self, start: Mapping[str, Times]) -> Mapping[str | Group, Times]:
        """Return when these attestations hold, and all that they support, directly or not."""
        reached: dict[str | Group, Times] = defaultdict(int)
        waiting: OrderedDict[str | Group, Times] = OrderedDict(start)
        while waiting:
            node, times = waiting.popitem(last=False)
            times &= ~reached[node]
            if times:
                reached[node] |= times
                for supported in self._supported.get(node, ()):
                    more = times & self._live[supported]
                    waiting[supported] = waiting.get(supported, 0) | more
        return reached


def _numbers(times: Times) -> Iterator[int]:
    """Yield the numbers of moments, in order."""
    while times:
        first = times & -times
        yield first.bit_length() - 1
        times ^= first
