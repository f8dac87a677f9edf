-- Finds the sources that share a key with a name, each with the names of its merged duplicates.
-- Reads at most `max_per_key` sources of a key, without confidential ones that the caller may not see.
WITH matching AS (
    SELECT DISTINCT c.id
    FROM unnest(%(keys)s::text[]) k (key)
    CROSS JOIN LATERAL (
        SELECT p.id
        FROM source_keys c
        CROSS JOIN LATERAL (
            SELECT coalesce(o.merged_into, o.id) AS id FROM sources o
            WHERE o.id = c.source_id AND (%(sees_hidden)s OR NOT o.confidential)
            OFFSET 0
        ) o
        CROSS JOIN LATERAL (
            SELECT s.id FROM sources s
            WHERE s.id = o.id AND (%(sees_hidden)s OR NOT s.confidential)
                AND s.kind = %(kind)s -- if kind
            OFFSET 0
        ) p
        WHERE c.key = k.key
        ORDER BY c.source_id
        LIMIT %(max_per_key)s
    ) c
)
SELECT n.id, f.id AS surviving_id, n.name, n.url
FROM matching f
CROSS JOIN LATERAL (
    SELECT s.id, s.name, s.url FROM sources s WHERE s.id = f.id
    UNION ALL
    SELECT s.id, s.name, s.url FROM sources s
    WHERE s.merged_into = f.id AND (%(sees_hidden)s OR NOT s.confidential)
) n
