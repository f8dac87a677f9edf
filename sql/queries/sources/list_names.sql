-- Lists the names and addresses of all sources, in order of creation.
-- The name of a merged duplicate is a further name of the surviving source, `surviving_id`.
SELECT s.id, coalesce(s.merged_into, s.id) AS surviving_id, s.name, s.url
FROM sources s
ORDER BY s.created_at, s.id
