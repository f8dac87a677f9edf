"""Links: the URLs of citations, which are paths until the service knows its own address."""

from collections.abc import Mapping
from typing import Any

from api.rendering.results import Item


def with_absolute_citations(answer: Item, public_url: str | None) -> Item:
    """Return an answer whose citations, and those of its items and claims, have absolute URLs.

    Without a `public_url` they stay paths. An answer with a `figure` is a pinned citation.
    """
    if public_url is None:
        return answer
    if "figure" in answer:
        present = answer["present"] and _linked(answer["present"], public_url)
        return {**_linked(answer, public_url), "present": present}
    lists = {
        name: [_absolute(item, public_url) for item in answer[name]]
        for name in ("items", "claims")
        if answer.get(name)
    }
    return _absolute({**answer, **lists}, public_url)


def _absolute(answer: Item, public_url: str) -> Item:
    citation: Mapping[str, Any] | None = answer.get("citation")
    if citation is None:
        return answer
    return {**answer, "citation": _linked(citation, public_url)}


def _linked(citation: Mapping[str, Any], public_url: str) -> Mapping[str, Any]:
    return {**citation, **{name: f"{public_url}{citation[name][1:]}" for name in ("url", "page")}}
