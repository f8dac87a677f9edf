-- All that sources are called, and what else tells them apart, in the order in which they came.
SELECT s.id, s.name, s.kind, s.country, s.url, s.confidential, s.vouched_by
FROM sources s
ORDER BY s.created_at, s.id
