-- Which of these ids records of a kind have that were recorded before.
SELECT DISTINCT l.resource_id AS id
FROM ledger l
WHERE l.resource = %(resource)s AND l.resource_id = ANY (%(ids)s)
