-- Finds, for each row of a block, the earlier rows that share most keys with it.
-- Only the selected keys of a row are given. Similar rows share a ninth of the selected keys of the
-- row, or of the keys of the earlier row if those are fewer (in this block, which has no key_count
-- yet, of its selected keys), or an external id: a key that begins with {.
WITH sized AS (
    SELECT a.row, count(*) AS keys
    FROM unnest(%(rows)s::integer[]) AS a (row)
    GROUP BY a.row
), shared AS (
    SELECT a.row, s.row AS other, count(*) AS shared_keys,
        bool_or(left(a.key, 1) = '{') AS shares_id
    FROM unnest(%(rows)s::integer[], %(keys)s::text[]) AS a (row, key)
    CROSS JOIN LATERAL (
        SELECT i.row FROM import_keys i
        WHERE i.import_id = %(import_id)s AND i.key_hash = hashtextextended(a.key, 0)
            AND i.row < a.row
        LIMIT %(max_per_key)s
    ) s
    GROUP BY a.row, s.row
), likeliest AS (
    SELECT s.row, s.other, s.shared_keys, s.shares_id,
        row_number() OVER (
            PARTITION BY s.row ORDER BY s.shares_id DESC, s.shared_keys DESC, s.other
        ) AS rank
    FROM shared s
)
SELECT l.row, l.other
FROM likeliest l
JOIN sized z ON z.row = l.row
LEFT JOIN sized o ON o.row = l.other
LEFT JOIN import_rows r ON r.import_id = %(import_id)s AND r.row = l.other
WHERE l.rank <= 8 AND (
    l.shares_id OR l.shared_keys >= least(z.keys, coalesce(o.keys, r.key_count)) / 9
)
ORDER BY l.row, l.other
