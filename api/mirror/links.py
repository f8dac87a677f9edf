"""The content of a file of a mirror: a response of the service whose links lead to files."""

import html
import posixpath
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from api.mirror.addresses import NOWHERE, Files, Page

# The templates quote attributes, and escape quotes and angle brackets in texts and in attributes:
# these expressions find tags only.
_LINK = re.compile(r"<a\b(?P<attributes>[^>]*)>(?P<text>.*?)</a>", re.S)
_LOADED = re.compile(r'<(?P<name>link|img|iframe)\b(?! rel="canonical")(?P<attributes>[^>]*)>')
# The mark of links to evidence, whose addresses anybody can choose.
_OUTSIDE = ' rel="noreferrer nofollow"'
_ADDRESS = re.compile(r' (?P<name>href|src)="(?P<address>[^"]*)"')
_FORM = re.compile(r"<form\b.*?</form>", re.S)
# What needs scripts, and what needs the address of the service.
_SCRIPTS = re.compile(
    r"<(script|noscript|redoc)\b(?![^>]*\bapplication/ld\+json)[^>]*>.*?</\1>\s*", re.S
)
_OF_SERVICE = re.compile(
    r'<link rel="canonical"[^>]*>\s*|<meta (?:property="og|name="twitter):[^>]*>\s*'
    r"|<script\b.*?</script>\s*",
    re.S,
)


class Links:
    """Rewrites the content of a file, and notes the files that it links to."""

    def __init__(self, files: Files, page: Page, note: Callable[[Page], None]) -> None:
        self._files = files
        self._page = page
        self._note = note

    def page(self, content: str, banner: str, search: str) -> str:
        """Return a page with a banner, with a text in place of a search, without other forms."""
        if self._files.public_url is None:
            content = _OF_SERVICE.sub("", content)
        content = _SCRIPTS.sub("", content)
        content = _FORM.sub(lambda form: search if 'role="search"' in form[0] else "", content)
        content = content.replace('<main id="main">', f'<main id="main">\n{banner}', 1)
        content = _LOADED.sub(self._loaded, content)
        content = _LINK.sub(self._linked, content)
        # What is left are addresses in texts: they are shown as paths of the service.
        return content.replace(NOWHERE, "/")

    def feed(self, content: str) -> str:
        """Return a feed. Readers need absolute addresses; without any, it links to files."""
        if self._files.public_url is not None:
            return content
        return re.sub(
            f'{NOWHERE}([^"<]*)',
            lambda match: self._relative(f"/{html.unescape(match[1])}") or "",
            content,
        )

    def _loaded(self, tag: re.Match[str]) -> str:
        attributes = self._attributes(tag["attributes"])
        return "" if attributes is None else f"<{tag['name']}{attributes}>"

    def _linked(self, tag: re.Match[str]) -> str:
        """Return a link to a file or to the service; without both, its text."""
        attributes = self._attributes(tag["attributes"], self._files.public_url)
        return tag["text"] if attributes is None else f"<a{attributes}>{tag['text']}</a>"

    def _attributes(self, attributes: str, elsewhere: str | None = None) -> str | None:
        """Return the attributes of a tag with the address of a file; None if it has none.

        Addresses without a file lead `elsewhere`. Those of others stay as they are.
        """
        match = _ADDRESS.search(attributes)
        if match is None or _OUTSIDE in attributes:
            return attributes
        address = html.unescape(match["address"])
        if address.startswith(self._files.origin):
            address = address[len(self._files.origin) - 1 :]
        if not address.startswith("/"):
            return attributes
        target = self._relative(address) or (elsewhere and f"{elsewhere}{address[1:]}")
        if target is None:
            return None
        return attributes.replace(match[0], f' {match["name"]}="{html.escape(target)}"', 1)

    def _relative(self, address: str) -> str | None:
        """Return the relative address of a file that is linked to; None if the mirror has none."""
        target = self._files.find(address, self._page)
        if target is None:
            return None
        self._note(target)
        fragment = urlsplit(address).fragment
        path = posixpath.relpath(target.file, posixpath.dirname(self._page.file) or ".")
        return f"{path}#{fragment}" if fragment else path
