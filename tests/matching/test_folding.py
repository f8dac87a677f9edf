"""The folding of names and external ids."""

import sys
import unicodedata

from api.database import queries
from api.matching.folding import identifier_key


def test_both_make_the_same_key_of_every_character(conn: queries.Connection) -> None:
    # Letters of later versions of Unicode are unknown to one of the two.
    characters = [
        chr(code)
        for code in range(1, sys.maxunicode + 1)
        if unicodedata.category(chr(code)) not in ("Cn", "Cs")
    ]
    rows = conn.execute(
        "SELECT c, external_id_key('r', c) AS key FROM unnest(%s::text[]) AS c", [characters]
    )
    different = [row.c for row in rows if row.key != identifier_key("r", row.c)]
    assert different == []
    assert identifier_key("fp", " F.P\u00a0-\u201155/aÑ") == "{fp}fp55/añ"
