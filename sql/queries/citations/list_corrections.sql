-- Lists the last public entry of each of some records after a moment, the earliest first.
SELECT l.resource, l.action, rfc3339(l.recorded_at) AS at
FROM (SELECT DISTINCT i.id FROM unnest(%(ids)s::uuid[]) AS i (id)) i
CROSS JOIN LATERAL (
    SELECT l.seq, l.resource, l.action, l.recorded_at FROM ledger l
    WHERE l.resource_id = i.id AND l.recorded_at > %(after)s AND l.public_seq IS NOT NULL
    ORDER BY l.seq DESC
    LIMIT 1
) l
ORDER BY l.seq
