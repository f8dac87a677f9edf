"""Feeds: what became confirmed, disputed or refuted."""

from functools import partial

from api.database import queries
from api.rendering.media_types import FORMATS
from api.rendering.results import Document
from api.reports import feeds
from api.reports.feeds import Entry


def get_feed(conn: queries.Connection, limit: int, media_type: str) -> Document:
    rows = queries.rows(conn, "release_events/list_feed", limit=limit)
    write = feeds.atom if media_type == FORMATS["atom"] else feeds.json_feed
    return Document(partial(write, [Entry(*row) for row in rows]))
