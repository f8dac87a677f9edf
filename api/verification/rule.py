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
"""The ids of the sources of a group, its head first."""


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
class Chain:
    """A report that was counted: its attestations, and the groups that it passed through."""

    attestation_ids: tuple[str, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rule's answer for one release event from the moment `at` on."""

    at: datetime
    independent_sources: int
    independent_denials: int
    proof: tuple[Chain, ...]
    denial_proof: tuple[Chain, ...]
    rests_on: tuple[Group, ...]
    not_counted: tuple[tuple[str, Reason], ...]
    kinds: Mapping[str, int]


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
    moments = {a.published_at for a in attestations}
    moments |= {a.retracted_at for a in attestations if a.retracted_at is not None}
    # A retraction with a date before the publication, by mistake, must not begin the history.
    first = attestations[0].published_at
    first = first if since is None else max(first, since)
    return [_decide(attestations, groups, m) for m in sorted(moments) if m >= first]


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

    def speaker(self, source: str) -> tuple[str, bool]:
        """Return what is equal for the confidential sources of one organisation, and only them."""
        return self._vouched_by.get(source, source), source in self._vouched_by


def _decide(attestations: Sequence[Attestation], groups: _Groups, at: datetime) -> Verdict:
    published = [a for a in attestations if a.published_at <= at]
    unretracted = [a for a in published if a.retracted_at is None or a.retracted_at > at]
    latest = {groups.speaker(a.source): a.stance for a in unretracted}
    live = [a for a in unretracted if a.stance == latest[groups.speaker(a.source)]]

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
    """Count the independent sources of each kind of release, over those that assert it."""
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
        self._ids_by_group: dict[Group, list[str]] = {}
        for attestation in live:
            self._ids_by_group.setdefault(groups[attestation.source], []).append(attestation.id)
        self._read()
        self._match()
        self.counted = {i for chain in self.proof for i in chain.attestation_ids}
        self.not_counted = self._reasons()

    def _read(self) -> None:
        """Set the chains that attestations begin, and the attestations that support the others."""
        self._first_hand: dict[Group, str] = {}
        self._relayed_by: dict[Group, dict[Group, str]] = {}
        self._begins: set[str] = set()
        self._supports: dict[str, list[str]] = {}
        self._unsupported: set[str] = set()
        self._unattributed = {a.id for a in self.live if a.basis == "unattributed"}
        alive = {a.id for a in self.live}
        for a in self.live:
            group = self._groups[a.source]
            origins = [self._groups[s] for s in sorted(a.relayed_sources)]
            if a.basis == "first_hand" or group in origins:
                self._first_hand.setdefault(group, a.id)
                self._begins.add(a.id)
            supports = [i for i in a.relayed_attestations if i in alive]
            # An export leaves out voided attestations, so an attestation can lack all its relays.
            relays_nothing = a.basis == "relayed" and not (a.relayed_attestations or origins)
            if relays_nothing or len(supports) < len(a.relayed_attestations):
                self._unsupported.add(a.id)
            for origin in origins:
                if origin == group:
                    continue
                if origin in self._ids_by_group:
                    supports += self._ids_by_group[origin]
                else:
                    self._relayed_by.setdefault(origin, {}).setdefault(group, a.id)
                    self._begins.add(a.id)
            self._supports[a.id] = supports

    def _match(self) -> None:
        """Set `proof`, a largest set of chains that share no group, and `rests_on`."""
        edges = {
            origin: [p for p in relay if p not in self._first_hand]
            for origin, relay in self._relayed_by.items()
        }
        origin_of = _largest_matching(edges)
        self.proof = (
            *(Chain((self._first_hand[a],), (a,)) for a in self._first_hand),
            *(Chain((self._relayed_by[o][p],), (o, p)) for p, o in origin_of.items()),
        )
        chains = [{a} for a in self._first_hand] + [{o, p} for o in edges for p in edges[o]]
        common = set.intersection(*chains) if chains else set()
        self.rests_on: tuple[Group, ...] = tuple(sorted(common))

    def _reasons(self) -> dict[str, Reason]:
        """Return the reason why each attestation outside the proof adds nothing to it."""
        counted_groups = {self._groups[a.source] for a in self.live if a.id in self.counted}
        stands = self._reached_from(self._begins)
        falls = self._reached_from(self._unsupported - stands)
        # Relays that lead to no unattributed attestation lead in a ring, in which nothing stands.
        without_origin = self._reached_from(self._unattributed)
        reasons: dict[str, Reason] = {}
        for a in self.live:
            if a.id in self.counted:
                continue
            if a.id not in stands:
                is_traced = a.id in without_origin and a.id not in falls
                reasons[a.id] = "unattributed" if is_traced else "origin_not_live"
            elif self._groups[a.source] in counted_groups:
                reasons[a.id] = "same_group"
            else:
                reasons[a.id] = "same_origin"
        return reasons

    def _reached_from(self, start: Iterable[str]) -> set[str]:
        """Return these attestations and all that they support, directly or through others."""
        supported: dict[str, list[str]] = {}
        for attestation, supports in self._supports.items():
            for support in supports:
                supported.setdefault(support, []).append(attestation)
        reached = set(start)
        queue = list(reached)
        while queue:
            for attestation in supported.get(queue.pop(), ()):
                if attestation not in reached:
                    reached.add(attestation)
                    queue.append(attestation)
        return reached


def _largest_matching(edges: Mapping[Group, Sequence[Group]]) -> dict[Group, Group]:
    """Pair relaying groups with origins, as many as possible (augmenting paths, Berge 1957).

    `edges` maps each origin to the groups that relay it. The search is breadth first, since a long
    chain of reports could exhaust a recursion.
    """
    origin_of: dict[Group, Group] = {}
    relay_of: dict[Group, Group] = {}
    for start in edges:
        came_from: dict[Group, Group] = {}
        queue = deque([start])
        free: Group | None = None
        while queue and free is None:
            origin = queue.popleft()
            for relay in edges[origin]:
                if relay in came_from:
                    continue
                came_from[relay] = origin
                if relay not in origin_of:
                    free = relay
                    break
                queue.append(origin_of[relay])
        while free is not None:
            origin = came_from[free]
            freed = relay_of.get(origin)
            origin_of[free], relay_of[origin] = origin, free
            free = freed
    return origin_of
