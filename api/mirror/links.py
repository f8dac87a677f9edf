"""The content of a file of a mirror: a response of the service whose links lead to files."""

import html
import posixpath
import re
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import urlsplit

from api.mirror.addresses import NOWHERE, Files, Page

_Attributes = list[tuple[str, str | None]]

# What needs the service, or scripts that are not data.
_LEFT_OUT = ("form", "script", "noscript", "redoc")
_DATA = "application/ld+json"
_ADDRESSES = {"a": "href", "link": "href", "img": "src", "iframe": "src"}
# The mark of links to evidence, whose addresses anybody can choose.
_OUTSIDE = "noreferrer nofollow"


class Links:
    """Rewrites the content of a file, and notes the files that it links to."""

    def __init__(self, files: Files, page: Page, note: Callable[[Page], None]) -> None:
        self._files = files
        self._page = page
        self._note = note

    @property
    def public_url(self) -> str | None:
        return self._files.public_url

    def page(self, content: str, banner: str, search: str) -> str:
        """Return a page with a banner, with a text in place of a search, without other forms."""
        # The remaining addresses are in texts, which show them as paths of the service.
        return _Copy(self, banner, search).copied(content).replace(NOWHERE, "/")

    def feed(self, content: str) -> str:
        """Return a feed. Readers need absolute addresses; without any, it links to files."""
        if self.public_url is not None:
            return content
        return re.sub(
            f'{NOWHERE}([^"<]*)',
            lambda match: self._relative(f"/{html.unescape(match[1])}") or "",
            content,
        )

    def target(self, address: str, elsewhere: str | None = None) -> str | None:
        """Return the address of a file in place of one of the service.

        Addresses without a file lead `elsewhere`. Those of others stay as they are.
        """
        if address.startswith(self._files.origin):
            address = address[len(self._files.origin) - 1 :]
        if not address.startswith("/"):
            return address
        return self._relative(address) or (elsewhere and f"{elsewhere}{address[1:]}")

    def _relative(self, address: str) -> str | None:
        """Return the relative address of a file that is linked to; None if the mirror has none."""
        target = self._files.find(address, self._page)
        if target is None:
            return None
        self._note(target)
        fragment = urlsplit(address).fragment
        path = posixpath.relpath(target.file, posixpath.dirname(self._page.file) or ".")
        return f"{path}#{fragment}" if fragment else path


class _Copy(HTMLParser):
    """Copies a page tag by tag, but for what links, loads or needs the service."""

    def __init__(self, links: Links, banner: str, search: str) -> None:
        super().__init__(convert_charrefs=False)
        self._links = links
        self._banner = banner
        self._search = search
        self._parts: list[str] = []
        self._left_out: str | None = None
        """The element that is being left out with its content."""
        self._is_link = True
        """Whether the last link has kept its tag."""

    def copied(self, content: str) -> str:
        self.feed(content)
        self.close()
        return "".join(self._parts)

    def handle_starttag(self, tag: str, attrs: _Attributes) -> None:
        given, is_known = dict(attrs), self._links.public_url is not None
        if self._left_out is not None:
            return
        if tag in _LEFT_OUT and not (given.get("type") == _DATA and is_known):
            if given.get("role") == "search":
                self._add(_Copy(self._links, "", "").copied(self._search))
            self._left_out = tag
        elif (tag == "meta" and _is_preview(given)) or given.get("rel") == "canonical":
            self._add(self.get_starttag_text() if is_known else "")
        elif tag in _ADDRESSES:
            self._add_link(tag, given)
        else:
            self._add(self.get_starttag_text())
            if tag == "main":
                self._add("\n" + _Copy(self._links, "", "").copied(self._banner))

    def handle_startendtag(self, tag: str, attrs: _Attributes) -> None:
        self._add(self.get_starttag_text())

    def handle_endtag(self, tag: str) -> None:
        if tag != "a" or self._is_link:
            self._add(f"</{tag}>")
        if tag == self._left_out:
            self._left_out = None

    def handle_data(self, data: str) -> None:
        self._add(data)

    def handle_entityref(self, name: str) -> None:
        self._add(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._add(f"&#{name};")

    def handle_decl(self, decl: str) -> None:
        self._add(f"<!{decl}>")

    def _add(self, part: str | None) -> None:
        if part and self._left_out is None:
            self._parts.append(part)

    def _add_link(self, tag: str, given: dict[str, str | None]) -> None:
        """Add the tag of a link to a file or to the service, of what is loaded only from a file."""
        name, text = _ADDRESSES[tag], self.get_starttag_text()
        address = given.get(name)
        if address is not None and given.get("rel") != _OUTSIDE:
            target = self._links.target(address, self._links.public_url if tag == "a" else None)
            text = None if target is None else _tag(tag, {**given, name: target})
        if tag == "a":
            self._is_link = text is not None
        self._add(text)


def _is_preview(given: dict[str, str | None]) -> bool:
    """Whether a fact about a page is for sites and messengers that link to it."""
    name = given.get("property") or given.get("name") or ""
    return name.startswith(("og:", "twitter:"))


def _tag(name: str, attributes: dict[str, str | None]) -> str:
    parts = (
        f" {attribute}" if value is None else f' {attribute}="{html.escape(value)}"'
        for attribute, value in attributes.items()
    )
    return f"<{name}{''.join(parts)}>"
