"""Write all public pages, charts and data of one moment as files.

The files are the responses of the service itself, which runs in this process on a snapshot of the
store. From the first page in each language, every link is followed. What is still to be written is
kept on disk, so that memory does not grow with the store.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from html import unescape
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, cast

import orjson
from flask import Flask
from psycopg_pool import ConnectionPool
from werkzeug.test import Client, TestResponse

from api.app import create_app
from api.config import SERVICE_ROLE, Config
from api.contract import document
from api.database import connections, queries
from api.database.queries import Connection
from api.mirror.addresses import MIRROR_PATH, Files, Moments, Page
from api.mirror.directory import MARK, SUMS, MirrorError
from api.mirror.links import Links
from api.mirror.names import Names
from api.pages import site
from api.pages.site import Address
from api.rendering.media_types import ZIP
from api.verification.counting import PROPERTIES
from api.wording import catalogs

_PROGRESS_FILES = 1000
_CHARTED = timedelta(weeks=52)
_FROM_BROWSER = {"Accept": "text/html, */*;q=0.5"}
# The privileges and the plans of the service. The snapshot has no limit of time.
_SETTINGS = {
    "role": SERVICE_ROLE,
    **connections.PLANNING,
    "transaction_timeout": "0",
}
_FEEDS = ("application/atom+xml", "application/feed+json")
_TAGS = re.compile(r"<[^>]*>")


class _Snapshot:
    """A pool of one connection, whose transaction sees the store at one moment."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def getconn(self, timeout: float | None = None) -> Connection:
        return self._conn

    def putconn(self, conn: Connection) -> None:
        """Keep the connection: the transaction goes on."""


def write(
    conn: Connection,
    settings: Config,
    folder: Path,
    progress: Callable[[str], Any],
    *,
    with_names: bool,
) -> Mapping[str, Any]:
    """Write a mirror into an empty folder, and return what its mark says. Raises MirrorError."""
    with queries.snapshot(conn):
        _set(conn, **_SETTINGS, **({} if with_names else {"constancia.names": "off"}))
        app = create_app(
            cast(ConnectionPool[Connection], _Snapshot(conn)),
            settings,
        )
        # Without the middleware, which logs and counts the requests of clients.
        client = Client(partial(Flask.wsgi_app, app), TestResponse)
        mirror = _Mirror(conn, client, app, settings, folder, progress, with_names=with_names)
        return mirror.write()


def _set(conn: Connection, **settings: str) -> None:
    """Change settings of the transaction."""
    for name, value in settings.items():
        conn.execute("SELECT set_config(%s, %s, true)", [name, value])


class _Mirror:
    """A mirror that is being written."""

    def __init__(
        self,
        conn: Connection,
        client: Client,
        app: Flask,
        settings: Config,
        folder: Path,
        progress: Callable[[str], Any],
        *,
        with_names: bool,
    ) -> None:
        self._conn = conn
        self._client = client
        self._settings = settings
        self._folder = folder
        self._progress = progress
        self._with_names = with_names
        counted = orjson.loads(client.get("/v1/counts").data)["citation"]
        self._moments = Moments(*(counted[name] for name in Moments._fields))
        contract = document.load().with_default("time_zone", settings.time_zone)
        operations = {operation.id: operation for operation in contract.operations}
        self._files = Files(operations, app.url_map, self._moments, settings.public_url)
        self._bytes, self._count = 0, 0

    def write(self) -> Mapping[str, Any]:
        with (
            TemporaryFile() as self._queue,
            (self._folder / SUMS).open("w", encoding="ascii") as self._sums,
            Names(self._people() if self._with_names else ()) as self._names,
        ):
            for language in catalogs.LANGUAGES:
                for path in ("/", MIRROR_PATH, "/robots.txt"):
                    if start := self._files.find(f"{path}?lang={language}"):
                        self._note(start)
            for page in self._queued():
                self._write(page)
            self._write_start()
            mark = {
                "mirror": "constancia",
                **self._moments._asdict(),
                "with_names": self._with_names,
                "files": self._count + 2,
                "bytes": self._bytes,
            }
            self._store(MARK, [orjson.dumps(mark, option=orjson.OPT_INDENT_2)])
        return mark

    def _people(self) -> Iterator[Mapping[str, Any]]:
        """Yield all people, as the service lists them."""
        response = self._client.get("/v1/detainees?format=ndjson", buffered=False)
        rest = b""
        for block in response.iter_encoded():
            *lines, rest = (rest + block).split(b"\n")
            yield from map(orjson.loads, lines)

    # Files that are still to be written.

    def _note(self, page: Page) -> None:
        """Note a file that is linked to, once: its place on disk is taken."""
        path = self._folder / page.file
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), path.open("xb"):
            self._queue.seek(0, 2)
            self._queue.write(orjson.dumps([*page], option=orjson.OPT_APPEND_NEWLINE))

    def _queued(self) -> Iterator[Page]:
        offset = 0
        while True:
            self._queue.seek(offset)
            line = self._queue.readline()
            if not line:
                return
            offset = self._queue.tell()
            yield Page(*orjson.loads(line))

    # Writing.

    def _write(self, page: Page) -> None:
        if page.file.partition("/")[2].startswith(MIRROR_PATH[1:]):
            self._store_page(page, self._own_page(page))
            return
        response = self._client.get(
            page.address,
            base_url=self._files.origin,
            headers=_FROM_BROWSER,
            follow_redirects=True,  # to the record that a duplicate was merged into
            buffered=False,
        )
        # A link can lead to a record that is void by now: its page says so.
        if response.status_code not in (200, 404):
            raise MirrorError(
                f"{page.address} got the response {response.status}. Export again, and if that "
                "fails, too, report it."
            )
        with response:
            if response.mimetype == "text/html":
                self._store_page(page, response.text)
            elif response.mimetype in _FEEDS:
                text = Links(self._files, page, self._note).feed(response.text)
                self._store(page.file, [text.encode()])
            else:
                self._store(page.file, response.iter_encoded())
        if response.mimetype == ZIP:
            _set(self._conn, transaction_timeout="0")  # a package limits its transaction

    def _own_page(self, page: Page) -> str:
        """Return a page that the service does not have: about the mirror, or an index of names."""
        letter = page.file.removesuffix(".html").partition("/names/")[2]
        if not letter:
            return self._render("mirror.html", page)
        words = self._names.people_by_word(letter)
        return self._render("mirror_names.html", page, letter=letter, words=words)

    def _render(self, template: str, page: Page, **values: Any) -> str:
        language = page.language or self._settings.language
        return site.render(
            template,
            language,
            Address(self._files.origin, page.address.partition("?")[0]),
            zone=self._settings.time_zone,
            moments=self._moments,
            public_url=self._files.public_url,
            with_names=self._with_names,
            letters=self._names.letters,
            properties=PROPERTIES,
            year_before=(datetime.fromisoformat(self._moments.as_of) - _CHARTED).date().isoformat(),
            **values,
        )

    def _store_page(self, page: Page, content: str) -> None:
        """Store a page with the moment of the mirror, and an index of names in place of forms."""
        parts = [self._render(f"mirror_{name}.html", page) for name in ("banner", "search")]
        links = Links(self._files, page, self._note)
        self._store(page.file, [links.page(content, *parts).encode()])

    def _write_start(self) -> None:
        """Write what a host and a reader look for in the first folder."""
        start = Page(f"{MIRROR_PATH}/start", "index.html")
        for file, is_missing in (("index.html", False), ("404.html", True)):
            content = self._render("mirror_start.html", start, is_missing=is_missing)
            self._store(file, [content.encode()])
        readme = (
            _as_text(self._render("mirror.html", Page(MIRROR_PATH, f"{language}/")))
            for language in sorted(catalogs.LANGUAGES, key=lambda it: it != self._settings.language)
        )
        self._store("README.txt", ["\n\n".join(readme).encode()])

    def _store(self, file: str, parts: Iterable[bytes]) -> None:
        digest = hashlib.sha256()
        with (self._folder / file).open("wb") as stored:
            for part in parts:
                digest.update(part)
                stored.write(part)
            self._bytes += stored.tell()
        self._sums.write(f"{digest.hexdigest()}  {file}\n")
        self._count += 1
        if self._count % _PROGRESS_FILES == 0:
            self._progress(f"{self._count:,} files, {self._bytes / 1e6:,.0f} MB")


def _as_text(page: str) -> str:
    """Return the main part of a page as plain text."""
    main = page.partition('<main id="main">')[2].partition("</main>")[0]
    lines = (unescape(_TAGS.sub("", line)).strip() for line in main.splitlines())
    return "\n".join(filter(None, lines)) + "\n"
