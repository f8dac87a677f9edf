-- Lists which of these ids are of records of a kind that were ever written.
SELECT DISTINCT l.resource_id AS id
FROM ledger l
WHERE l.resource = %(resource)s AND l.resource_id = ANY (%(ids)s)
