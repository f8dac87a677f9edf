"""The rule `two-independent-sources/1`: when a release counts as confirmed, and the proof of it.

A pure function of sources, affiliations and attestations: no clock, no database, no order of
arrival. A *group* is a set of sources tied by affiliations and counts as one voice; a *chain* is
the set of groups that a word passed through; the answer is the least number of groups that would
all have to be wrong for every chain to fail.

That number needs no search. A relay of a live attestation only adds groups to a chain that is
already there, so the chains that contain no other are of two forms: {a}, a group with knowledge
of its own, and {o, p}, a silent origin o that p passes on. By König's theorem (1931) the least
set that meets every edge of a bipartite graph is as large as its largest matching, and the
matching is the proof: that many chains that share no group.

A confidential source adds the group of who vouches for it to its chains. It has no ties of its own,
so whatever set meets a chain in it meets the same chains in that group: the group alone is as good.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

RULE = "two-independent-sources/1"
REQUIRED = 2

Stance = Literal["confirms", "denies"]
Basis = Literal["first_hand", "relayed", "unattributed"]
Status = Literal["confirmed", "disputed", "reported", "refuted", "unverified"]
Reason = Literal[
    "superseded", "retracted", "unattributed", "origin_not_live", "same_group", "same_origin"
]
Group = tuple[str, ...]
"""The ids of the sources that count as one voice, the one at the head of them first."""


@dataclass(frozen=True, slots=True)
class Affiliation:
    """A tie between two sources while `valid_from <= moment < valid_until`; open ends allowed."""

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
    """One source's word on one release event. `recorded` orders words published at one moment."""

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
class Chain:
    """A word that was counted: who attested it, and the groups it passed through."""

    attestation_ids: tuple[str, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rule says of one release event from the moment `at` on."""

    at: datetime
    independent_sources: int
    independent_denials: int
    proof: tuple[Chain, ...]
    denial_proof: tuple[Chain, ...]
    rests_on: tuple[Group, ...]
    not_counted: tuple[tuple[str, Reason], ...]
    kinds: Mapping[str, int]


def status(independent_sources: int, independent_denials: int, required: int = REQUIRED) -> Status:
    """The word for the two counts: each independent denial raises the bar by one."""
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
    """How many more independent sources would confirm the release."""
    return max(0, required - (independent_sources - independent_denials))


def history(
    attestations: Iterable[Attestation],
    affiliations: Iterable[Affiliation],
    since: datetime | None = None,
    vouched_by: Mapping[str, str] | None = None,
) -> list[Verdict]:
    """The verdict at every moment at which an attestation is published or retracted.

    `since` leaves out the moments before it. A voided attestation must not be among the input.
    `vouched_by` has of each confidential source, none of which is affiliated, who vouches for it.
    """
    attestations = sorted(attestations, key=lambda a: a.order)
    if not attestations:
        return []
    groups = _Groups(affiliations, attestations[0].published_at, vouched_by or {})
    moments = {a.published_at for a in attestations}
    moments |= {a.retracted_at for a in attestations if a.retracted_at is not None}
    # A word retracted before it was published, entered by mistake, must not open the history.
    first = attestations[0].published_at
    first = first if since is None else max(first, since)
    return [_decide(attestations, groups, m) for m in sorted(moments) if m >= first]


class _Groups:
    """The group of each source: the connected parts of the affiliations in force at one moment."""

    def __init__(
        self,
        affiliations: Iterable[Affiliation],
        moment: datetime,
        vouched_by: Mapping[str, str],
    ) -> None:
        self._vouched_by = vouched_by
        self._group: dict[str, Group] = {}
        ties: dict[str, set[str]] = {}
        subordinate: set[str] = set()
        for affiliation in affiliations:
            if affiliation.in_force(moment):
                ties.setdefault(affiliation.source, set()).add(affiliation.with_source)
                ties.setdefault(affiliation.with_source, set()).add(affiliation.source)
                subordinate.add(affiliation.source)
        for start in ties:
            if start not in self._group:
                members, queue = {start}, [start]
                while queue:
                    tied = ties[queue.pop()] - members
                    members |= tied
                    queue.extend(tied)
                # The head, whose name the group goes by, is owned by nobody and ties the most.
                group = tuple(sorted(members, key=lambda s: (s in subordinate, -len(ties[s]), s)))
                self._group.update(dict.fromkeys(members, group))

    def __getitem__(self, source: str) -> Group:
        voice = self._vouched_by.get(source, source)
        return self._group.get(voice) or (voice,)


def _decide(attestations: Sequence[Attestation], groups: _Groups, at: datetime) -> Verdict:
    published = [a for a in attestations if a.published_at <= at]
    unretracted = [a for a in published if a.retracted_at is None or a.retracted_at > at]
    latest = {a.source: a.stance for a in unretracted}
    live = [a for a in unretracted if a.stance == latest[a.source]]

    confirming = _Count([a for a in live if a.stance == "confirms"], groups)
    denying = _Count([a for a in live if a.stance == "denies"], groups)

    reasons: dict[str, Reason] = {a.id: "superseded" for a in unretracted}
    reasons |= confirming.not_counted | denying.not_counted
    counted = confirming.counted | denying.counted
    return Verdict(
        at=at,
        independent_sources=len(confirming.proof),
        independent_denials=len(denying.proof),
        proof=confirming.proof,
        denial_proof=denying.proof,
        rests_on=confirming.rests_on,
        not_counted=tuple(
            (a.id, reasons.get(a.id, "retracted")) for a in published if a.id not in counted
        ),
        kinds=_kinds(confirming.live, groups),
    )


def _kinds(confirming: Sequence[Attestation], groups: _Groups) -> dict[str, int]:
    """The independent sources for each kind of release: the same rule over those that assert it."""
    kinds = sorted({a.release_kind for a in confirming})
    return {
        kind: len(_Count([a for a in confirming if a.release_kind == kind], groups).proof)
        for kind in kinds
    }


class _Count:
    """The independent sources behind live attestations of one stance, in order of publication."""

    def __init__(self, live: Sequence[Attestation], groups: _Groups) -> None:
        self.live = live
        self._groups = groups
        self._of_group: dict[Group, list[str]] = {}
        for attestation in live:
            self._of_group.setdefault(groups[attestation.source], []).append(attestation.id)
        self._read()
        self._match()
        self.counted = {i for chain in self.proof for i in chain.attestation_ids}
        self.not_counted = self._reasons()

    def _read(self) -> None:
        """Finds the chains that an attestation begins itself, and what the others lean on."""
        self._own: dict[Group, str] = {}
        self._passed_on: dict[Group, dict[Group, str]] = {}
        self._begins: set[str] = set()
        self._leans_on: dict[str, list[str]] = {}
        self._leans_on_none: set[str] = set()
        alive = {a.id for a in self.live}
        for a in self.live:
            group = self._groups[a.source]
            origins = [self._groups[s] for s in sorted(a.relayed_sources)]
            if a.basis == "first_hand" or group in origins:
                self._own.setdefault(group, a.id)
                self._begins.add(a.id)
            leans_on = [i for i in a.relayed_attestations if i in alive]
            # What was voided is not told elsewhere: a word can be left that relays nothing.
            relays_nothing = a.basis == "relayed" and not (a.relayed_attestations or origins)
            if relays_nothing or len(leans_on) < len(a.relayed_attestations):
                self._leans_on_none.add(a.id)
            for origin in origins:
                if origin == group:
                    continue
                if origin in self._of_group:
                    leans_on += self._of_group[origin]
                else:
                    self._passed_on.setdefault(origin, {}).setdefault(group, a.id)
                    self._begins.add(a.id)
            self._leans_on[a.id] = leans_on

    def _match(self) -> None:
        """Sets `proof`, as many chains that share no group as there are, and `rests_on`."""
        edges = {
            origin: [p for p in passing if p not in self._own]
            for origin, passing in self._passed_on.items()
        }
        origin_of = _largest_matching(edges)
        self.proof = (
            *(Chain((self._own[a],), (a,)) for a in self._own),
            *(Chain((self._passed_on[o][p],), (o, p)) for p, o in origin_of.items()),
        )
        chains = [{a} for a in self._own] + [{o, p} for o in edges for p in edges[o]]
        common = set.intersection(*chains) if chains else set()
        self.rests_on: tuple[Group, ...] = tuple(sorted(common))

    def _reasons(self) -> dict[str, Reason]:
        """Why each attestation that is not in the proof adds nothing to it."""
        counted_groups = {self._groups[a.source] for a in self.live if a.id in self.counted}
        stands = self._reached_from(self._begins)
        falls = self._reached_from(self._leans_on_none - stands)
        reasons: dict[str, Reason] = {}
        for a in self.live:
            if a.id in self.counted:
                continue
            if a.id not in stands:
                reasons[a.id] = "origin_not_live" if a.id in falls else "unattributed"
            elif self._groups[a.source] in counted_groups:
                reasons[a.id] = "same_group"
            else:
                reasons[a.id] = "same_origin"
        return reasons

    def _reached_from(self, start: Iterable[str]) -> set[str]:
        """Those attestations and all that lean on them, directly or through others."""
        leaning: dict[str, list[str]] = {}
        for attestation, supports in self._leans_on.items():
            for support in supports:
                leaning.setdefault(support, []).append(attestation)
        reached = set(start)
        queue = list(reached)
        while queue:
            for attestation in leaning.get(queue.pop(), ()):
                if attestation not in reached:
                    reached.add(attestation)
                    queue.append(attestation)
        return reached


def _largest_matching(edges: Mapping[Group, Sequence[Group]]) -> dict[Group, Group]:
    """Pairs each passing group with one origin, as many as can be (augmenting paths, Berge 1957).

    `edges` gives for each origin the groups that pass it on. Breadth first: no recursion that a
    long chain of reports could exhaust.
    """
    origin_of: dict[Group, Group] = {}
    passing_of: dict[Group, Group] = {}
    for start in edges:
        came_from: dict[Group, Group] = {}
        queue = deque([start])
        free: Group | None = None
        while queue and free is None:
            origin = queue.popleft()
            for passing in edges[origin]:
                if passing in came_from:
                    continue
                came_from[passing] = origin
                if passing not in origin_of:
                    free = passing
                    break
                queue.append(origin_of[passing])
        while free is not None:
            origin = came_from[free]
            freed = passing_of.get(origin)
            origin_of[free], passing_of[origin] = origin, free
            free = freed
    return origin_of
