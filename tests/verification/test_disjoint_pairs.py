"""The most pairs that share no group, against all sets of pairs."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from api.verification.disjoint_pairs import DisjointPairs

RELAYS, ORIGINS = range(5), range(4)
ENDS = {
    (4 * relay + origin) * 7 % 20: (f"relay {relay}", f"origin {origin}")
    for relay in RELAYS
    for origin in ORIGINS
}
changes = st.dictionaries(st.sampled_from(RELAYS), st.sets(st.sampled_from(ORIGINS)), min_size=1)


@settings(max_examples=100)
@given(st.lists(changes, min_size=1, max_size=4))
def test_matching_is_the_largest_and_depends_only_on_the_pairs_as_they_are(steps):
    pairs, before, current = DisjointPairs(), set(), {}
    for step in steps:
        for relay, origins in step.items():
            ends = {(f"relay {relay}", f"origin {origin}") for origin in origins}
            numbers = {number: (ENDS[number][1],) for number in ENDS if ENDS[number] in ends}
            current[f"relay {relay}",] = numbers
            pairs.replace((f"relay {relay}",), numbers)
        assert pairs.match() == before ^ pairs.matched
        before = pairs.matched

        fresh = DisjointPairs()
        for relay, numbers in sorted(current.items(), reverse=True):
            fresh.replace(relay, numbers)
        fresh.match()
        assert pairs.matched == fresh.matched
        assert pairs.common() == fresh.common()

        assert is_disjoint(pairs.matched)
        every = [number for numbers in current.values() for number in numbers]
        assert not any(map(is_disjoint, combinations(every, len(pairs.matched) + 1)))


def is_disjoint(numbers):
    relays, origins = ({ENDS[number][side] for number in numbers} for side in (0, 1))
    return len(relays) == len(origins) == len(numbers)
