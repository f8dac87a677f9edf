-- Lists the names and addresses of some surviving sources, in order of creation.
-- The name of a merged duplicate is a further name of the surviving source, `surviving_id`.
SELECT s.id, i.id AS surviving_id, s.name, s.url
FROM unnest(%(ids)s::uuid[]) i (id)
CROSS JOIN LATERAL (
    SELECT s.id, s.name, s.url, s.created_at FROM sources s WHERE s.id = i.id
    UNION ALL
    SELECT s.id, s.name, s.url, s.created_at FROM sources s
    WHERE s.merged_into = i.id
) s
ORDER BY s.created_at, s.id
