-- Finds the rows of an import that share enough keys with people written since its preview.
-- A key that begins with { is an external id, of which one is enough.
WITH keys AS (
    SELECT k.detainee_id, k.key
    FROM unnest(%(people)s::uuid[], %(keys)s::text[]) AS k (detainee_id, key)
), sized AS (
    SELECT k.detainee_id, count(*) AS keys FROM keys k GROUP BY k.detainee_id
), shared AS (
    SELECT i.row, k.detainee_id, count(*) AS shared_keys,
        bool_or(left(k.key, 1) = '{') AS shares_id
    FROM keys k
    JOIN import_keys i
        ON i.import_id = %(import_id)s AND i.key_hash = hashtextextended(k.key, 0)
    GROUP BY i.row, k.detainee_id
)
SELECT s.row, s.detainee_id
FROM shared s
JOIN sized z ON z.detainee_id = s.detainee_id
JOIN import_rows r ON r.import_id = %(import_id)s AND r.row = s.row
WHERE s.shares_id OR s.shared_keys >= least(z.keys, r.key_count) / 9
ORDER BY s.row, s.detainee_id
