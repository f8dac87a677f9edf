-- Lists ledger entries after a number, without rows; the public by numbers of its own.
SELECT l.seq AS id, l.seq, -- if sees_hidden
SELECT l.public_seq AS id, l.public_seq AS seq, -- unless sees_hidden
    l.recorded_at, l.resource, l.resource_id, l.action, l.actor
FROM ledger l
WHERE l.seq > %(after)s -- if sees_hidden
WHERE l.public_seq > %(after)s -- unless sees_hidden
ORDER BY l.seq -- if sees_hidden
ORDER BY l.public_seq -- unless sees_hidden
LIMIT %(limit)s
