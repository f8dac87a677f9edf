-- Which of these ids have been written before.
SELECT DISTINCT l.resource_id FROM ledger l WHERE l.resource_id = ANY (%(ids)s)
