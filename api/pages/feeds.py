"""Verdicts for feed readers, as Atom (RFC 4287) and JSON Feed 1.1, in English and in Spanish.

Moments and days in the data are texts as the contract has them. `base` is the service's URL, with a
slash at its end.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid5

import orjson

from api.config import Language
from api.verification.rule import RULE
from api.wording import vocabulary
from api.wording.catalogs import LANGUAGES
from api.wording.vocabulary import Words

# The id of the feed, and the namespace of its entries' ids. If it changed, feed readers would show
# all entries as new.
_FEED = UUID("8ed77971-3192-400a-aabc-1e581fda538c")
_TITLE: Words = ("Constancia: verdicts on releases", "Constancia: verificación de excarcelaciones")
AUTHOR = "Constancia"
# An entry starts as confirmed, disputed or refuted; the others are statuses it can fall back to.
_STATUSES: Mapping[str, Words] = {
    "confirmed": ("is confirmed", "está confirmada"),
    "disputed": ("is disputed", "está en disputa"),
    "refuted": ("is refuted", "está desmentida"),
    "reported": ("is now only reported", "ahora solo está reportada"),
    "unverified": ("is no longer verified", "ya no está verificada"),
    "merged": ("is now part of another record", "ahora es parte de otro registro"),
    "voided": ("was recorded by mistake", "se registró por error"),
}
_WITHOUT_VERDICT: Mapping[str, Words] = {
    "merged": ("Its record was merged into another one.", "Su registro se fusionó con otro."),
    "voided": ("Its record is void.", "Su registro está anulado."),
}
_NEVER = "1970-01-01T00:00:00Z"

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """The verdict on a release event: its status has held `since`, and changed at `updated_at`.

    The entry of a merged duplicate has status `merged` and no name, that of a voided release event
    status `voided`.
    """

    release_event_id: str
    status: str
    since: str
    updated_at: str
    occurred_on: str
    name: str | None
    independent_sources: int
    independent_denials: int


class _Edition:
    """The feed in one language. Its ids are its own, so that a reader can follow both."""

    def __init__(self, language: Language, base: str) -> None:
        self.language = language
        self._place = LANGUAGES.index(language)
        self._base = base
        self._id = _FEED if self._place == 0 else uuid5(_FEED, language)

    @property
    def id(self) -> str:
        return self._id.urn

    @property
    def title(self) -> str:
        return _TITLE[self._place]

    @property
    def home(self) -> str:
        return f"{self._base}?lang={self.language}"

    def url(self, format: str) -> str:
        return f"{self._base}v1/feed?format={format}&lang={self.language}"

    def id_of(self, entry: Entry) -> str:
        """Return one id for all statuses of an event, so that a withdrawn status is an update."""
        return uuid5(self._id, entry.release_event_id).urn

    def url_of(self, entry: Entry) -> str:
        return f"{self._base}releases/{entry.release_event_id}?lang={self.language}"

    def title_of(self, entry: Entry) -> str:
        day_en, day_es = vocabulary.day(date.fromisoformat(entry.occurred_on))
        status_en, status_es = _STATUSES[entry.status]
        if entry.name is None:
            en, es = f"A release of {day_en}", f"Una excarcelación del {day_es}"
        else:
            name_en, name_es = map(printable, vocabulary.person(entry.name))
            en = f"The release of {name_en} on {day_en}"
            es = f"La excarcelación de {name_es} el {day_es}"
        return (f"{en} {status_en}.", f"{es} {status_es}.")[self._place]

    def summary_of(self, entry: Entry) -> str:
        if entry.status in _WITHOUT_VERDICT:
            return _WITHOUT_VERDICT[entry.status][self._place]
        reasons = vocabulary.sources_and_denials(
            entry.independent_sources, entry.independent_denials
        )[self._place]
        by = (f"By the rule {RULE}.", f"Según la regla {RULE}.")[self._place]
        return f"{reasons[0].upper()}{reasons[1:]}. {by}"


def atom(entries: Sequence[Entry], language: Language, base: str) -> bytes:
    """Return the feed as Atom."""
    edition = _Edition(language, base)
    moments = (entry.updated_at for entry in entries)
    # Compare them as moments: as text, 15Z sorts after 15.3Z.
    newest = max(moments, key=datetime.fromisoformat, default=_NEVER)
    feed = ET.Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": language})
    _text(feed, "id", edition.id)
    _text(feed, "title", edition.title)
    _text(feed, "updated", newest)
    _author(feed)
    for relation, url in (("self", edition.url("atom")), ("alternate", edition.home)):
        ET.SubElement(feed, "link", {"rel": relation, "href": url})
    for entry in entries:
        element = ET.SubElement(feed, "entry")
        _text(element, "id", edition.id_of(entry))
        _text(element, "title", edition.title_of(entry))
        _text(element, "published", entry.since)
        _text(element, "updated", entry.updated_at)
        _author(element)
        ET.SubElement(element, "link", {"rel": "alternate", "href": edition.url_of(entry)})
        _text(element, "summary", edition.summary_of(entry))
    document: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return document


def json_feed(entries: Sequence[Entry], language: Language, base: str) -> bytes:
    """Return the feed as JSON Feed."""
    edition = _Edition(language, base)
    authors = [{"name": AUTHOR}]
    return orjson.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": edition.title,
            "home_page_url": edition.home,
            "feed_url": edition.url("jsonfeed"),
            "language": language,
            "authors": authors,
            "items": [
                {
                    "id": edition.id_of(entry),
                    "url": edition.url_of(entry),
                    "title": edition.title_of(entry),
                    "content_text": edition.summary_of(entry),
                    "date_published": entry.since,
                    "date_modified": entry.updated_at,
                    "authors": authors,
                }
                for entry in entries
            ],
        }
    )


def _text(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text


def _author(parent: ET.Element) -> None:
    _text(ET.SubElement(parent, "author"), "name", AUTHOR)


def printable(name: str) -> str:
    """Return a name without the characters that XML and JSON cannot hold."""
    return _NOT_IN_XML.sub("\ufffd", name)
