-- Lists the names and distinguishing properties of all sources, in order of creation.
SELECT s.id, s.name, s.kind, s.country, s.url, s.confidential, s.vouched_by
FROM sources s
ORDER BY s.created_at, s.id
