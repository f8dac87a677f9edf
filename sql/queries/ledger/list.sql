-- Lists ledger entries after a number, without the rows of their records.
SELECT l.seq AS id, l.seq, l.recorded_at, l.resource, l.resource_id, l.action, l.actor
FROM ledger l
WHERE l.seq > %(after)s
ORDER BY l.seq
LIMIT %(limit)s
