"""The proof in words: why a release has its status. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.wording.words import Words

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reasons:
    """Sentences about a verification: the summary, the proofs, and what is missing."""

    summary: Sequence[str]
    proof: Sequence[str]
    denial_proof: Sequence[str]
    missing: str | None


def explain(
    verification: Item,
    attestations: Sequence[Item],
    has_more: bool,
    names: Mapping[str, str],
    words: Words,
) -> Reasons:
    """Return the reasons of a verification. `names` are those of sources, by id.

    If there are more attestations than these, their sources cannot be counted.
    """
    excluded = {
        item["attestation_id"]
        for item in verification["not_counted"]
        if item["reason"] in ("superseded", "retracted")
    }
    as_of = datetime.fromisoformat(verification["as_of"])
    # One may be recorded some minutes before it is published.
    live = {
        a["id"]: a
        for a in attestations
        if a["id"] not in excluded
        and not a["voided_at"]
        and datetime.fromisoformat(a["published_at"]) <= as_of
    }
    return Reasons(
        [_independent(verification, words)] if has_more else _counted(verification, live, words),
        _chains(verification["proof"], live, names, words),
        _chains(verification["denial_proof"], live, names, words),
        _missing(verification, words),
    )


def _independent(verification: Item, words: Words) -> str:
    text = words.text(
        "Independent sources that report it: %(sources)s; that deny it: %(denials)s. The list "
        "below is only a part of what was published about it."
    )
    return text % {
        "sources": words.number(verification["independent_sources"]),
        "denials": words.number(verification["independent_denials"]),
    }


def _counted(verification: Item, live: Mapping[str, Item], words: Words) -> Sequence[str]:
    confirming, denying = (
        len({a["source_id"] for a in live.values() if a["stance"] == stance})
        for stance in ("confirms", "denies")
    )
    summary = [_confirmations(verification, confirming, words)]
    if denying:
        summary.append(_denials(verification, denying, words))
    return summary


def _confirmations(verification: Item, sources: int, words: Words) -> str:
    """Return how many sources report a release, and how many of them are independent."""
    independent, rests_on = verification["independent_sources"], verification["rests_on"]
    values = {"n": words.number(sources), "independent": words.number(independent)}
    if not sources:
        return words.text("No source reports it.")
    if not independent:
        text = words.plural(
            "One source reports it, but does not say how it knows, or what it repeats does not "
            "stand.",
            "%(n)s sources report it, but none says how it knows, or what they repeat does not "
            "stand.",
            sources,
        )
    elif sources == independent:
        text = words.plural(
            "One source reports it.",
            "%(n)s sources report it, independently of one another.",
            sources,
        )
    elif independent == 1 and rests_on:
        values["group"] = _listed([group["name"] for group in rests_on], words)
        text = words.plural(
            "%(n)s sources report it, which count as one. Without the group of %(group)s, no "
            "independent source would remain.",
            "%(n)s sources report it, which count as one. Without either of these groups, no "
            "independent source would remain: %(group)s.",
            len(rests_on),
        )
    else:
        text = words.plural(
            "%(n)s sources report it, which count as one: the others repeat it, belong to the "
            "same group, or do not say how they know.",
            "%(n)s sources report it. %(independent)s of them are independent of one another: "
            "the others repeat these, belong to the same groups, or do not say how they know.",
            independent,
        )
    return text % values


def _denials(verification: Item, sources: int, words: Words) -> str:
    independent = verification["independent_denials"]
    values = {"n": words.number(sources), "independent": words.number(independent)}
    text = words.plural(
        "One source denies it.",
        "%(n)s sources deny it; independent of one another: %(independent)s.",
        sources,
    )
    return text % values


def _chains(
    chains: Sequence[Item],
    attestations: Mapping[str, Item],
    names: Mapping[str, str],
    words: Words,
) -> Sequence[str]:
    """Return a sentence for each chain of a proof."""
    sentences = []
    for chain in chains:
        attestation = attestations.get(chain["attestation_ids"][-1])
        groups = [group["name"] for group in chain["groups"]]
        name = groups[-1]
        if attestation is not None:
            name = words.speaker(
                names[attestation["source_id"]], is_confidential=attestation["is_confidential"]
            )
        if len(groups) > 1:
            text = words.text(
                "%(source)s repeats %(origin)s, from whose group no such statement stands."
            )
        elif attestation is not None and attestation["basis"] == "relayed":
            # Its group has the knowledge, of which no first-hand statement came before.
            text = words.text("%(source)s relies on a source of its own group.")
        else:
            text = words.text("%(source)s has first-hand knowledge.")
        origin = _origin(chain, attestations, names, words) if len(groups) > 1 else name
        sentences.append(text % {"source": name, "origin": origin})
    return sentences


def _origin(
    chain: Item, attestations: Mapping[str, Item], names: Mapping[str, str], words: Words
) -> str:
    """Return the source that a chain repeats. Its group may have the name of another source."""
    group = chain["groups"][0]
    attestation = attestations.get(chain["attestation_ids"][0])
    relayed = [relay["source_id"] for relay in attestation["relays"]] if attestation else []
    origins = [names[id] for id in relayed if id in group["source_ids"]]
    return _listed(origins or [group["name"]], words)


def _missing(verification: Item, words: Words) -> str | None:
    missing = verification["missing"]
    if not missing:
        return None
    text = words.plural(
        "One more independent source would confirm it.",
        "%(n)s more independent sources would confirm it.",
        missing,
    )
    return text % {"n": words.number(missing)}


def _listed(names: Sequence[str], words: Words) -> str:
    """Return names as a list in words."""
    *first, last = names
    if not first:
        return last
    return words.text("%(first)s and %(last)s") % {"first": ", ".join(first), "last": last}
