"""A strict reader of HTML, for what a page must and must not have."""

from collections import Counter
from html.parser import HTMLParser

_VOID = {"base", "meta", "link", "input", "img", "br"}
_SECTIONS = {"h1": 1, "h2": 2, "h3": 3}


class Html(HTMLParser):
    """The parts of a page. Raises AssertionError for a tag that is not closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, dict[str, str]]] = []
        self.headings: list[int] = []
        self.words: list[str] = []
        # The contents of scripts.
        self.scripts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.append((tag, {name: value or "" for name, value in attrs}))
        if tag in _SECTIONS:
            self.headings.append(_SECTIONS[tag])
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self._open, tag
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        else:
            self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def values(self, tag: str, attribute: str) -> list[str]:
        """Return the values of an attribute of all such tags."""
        return [
            attributes[attribute]
            for name, attributes in self.attributes
            if name == tag and attribute in attributes
        ]
