-- Lists the names and addresses of a source and of all that share a key with it, in order of creation.
-- The name of a merged duplicate is a further name of the surviving source, `surviving_id`. A key of
-- more than `max_sources` sources distinguishes nothing and is ignored.
WITH keys AS (
    SELECT k.key FROM source_keys k WHERE k.source_id = %(id)s
    UNION
    SELECT k.key
    FROM sources s JOIN source_keys k ON k.source_id = s.id
    WHERE s.merged_into = %(id)s
), sharing AS (
    SELECT %(id)s::uuid AS id
    UNION
    SELECT coalesce(s.merged_into, s.id)
    FROM keys k
    CROSS JOIN LATERAL (
        SELECT array_agg(c.source_id) AS ids
        FROM (
            SELECT c.source_id FROM source_keys c
            WHERE c.key = k.key
            ORDER BY c.source_id -- in the order of the index, which a planner would leave for a LIMIT
            LIMIT %(max_sources)s + 1
        ) c
    ) c
    JOIN sources s ON s.id = ANY (c.ids)
    WHERE cardinality(c.ids) <= %(max_sources)s
)
SELECT s.id, p.id AS surviving_id, s.name, s.url
FROM sharing p
CROSS JOIN LATERAL (
    SELECT s.id, s.name, s.url, s.created_at FROM sources s
    WHERE s.id = p.id AND s.merged_into IS NULL
    UNION ALL
    SELECT s.id, s.name, s.url, s.created_at FROM sources s WHERE s.merged_into = p.id
) s
ORDER BY s.created_at, s.id
