-- Lists the sources with a key, or with a duplicate that has it, in order of creation.
-- `named_id` is the record with that key: what it publishes stays with it if its merge is undone.
SELECT s.id, k.named_id, s.kind, s.country, s.confidential,
    coalesce(
        (SELECT v.merged_into FROM sources v WHERE v.id = s.vouched_by), s.vouched_by
    ) AS vouched_by
FROM (
    SELECT DISTINCT ON (coalesce(s.merged_into, s.id))
        coalesce(s.merged_into, s.id) AS id, s.id AS named_id
    FROM source_keys k JOIN sources s ON s.id = k.source_id
    WHERE k.key = %(key)s
    ORDER BY coalesce(s.merged_into, s.id), s.merged_into IS NOT NULL, s.created_at, s.id
) k
JOIN sources s ON s.id = k.id
ORDER BY s.created_at, s.id
