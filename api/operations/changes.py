"""Operations on changes: the ledger, and the feed of changed verdicts."""

from api import access
from api.access import Caller
from api.config import Language
from api.database import queries
from api.pages import feeds
from api.pages.feeds import Entry
from api.rendering.media_types import FORMATS
from api.rendering.results import Answer, Page


def list_changes(
    conn: queries.Connection, caller: Caller | None, after: int, limit: int | None
) -> Page:
    query = "ledger/list" if access.sees_hidden(caller) else "ledger/list_public"
    return Page(query, limit, after=after)


def get_feed(
    conn: queries.Connection, limit: int, lang: Language, media_type: str, base_url: str
) -> Answer:
    rows = queries.rows(conn, "release_events/list_feed", limit=limit)
    write = feeds.atom if media_type == FORMATS["atom"] else feeds.json_feed
    return Answer(write([Entry(*entry) for *entry, _recorded_at in rows], lang, base_url))
