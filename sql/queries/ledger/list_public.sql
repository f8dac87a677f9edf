-- Lists public ledger entries after a public number, without the rows of their records.
SELECT l.public_seq AS id, l.public_seq AS seq, l.recorded_at, l.resource, l.resource_id, l.action,
    l.actor
FROM ledger l
WHERE l.public_seq > %(after)s
ORDER BY l.public_seq
LIMIT %(limit)s
