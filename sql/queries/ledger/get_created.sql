-- Gets the key that created a record; null for a command of the operator.
SELECT l.actor FROM ledger l
WHERE l.resource_id = %(resource_id)s AND l.action = 'created'
ORDER BY l.seq
LIMIT 1
