-- Lists those of some ids that are in the ledger as ids of a resource.
SELECT DISTINCT l.resource_id AS id
FROM ledger l
WHERE l.resource = %(resource)s AND l.resource_id = ANY (%(ids)s)
