-- Tells whether a record was ever written.
SELECT EXISTS (
    SELECT FROM ledger l WHERE l.resource_id = %(id)s AND l.resource = %(resource)s
) AS recorded
