-- Lists detentions.
SELECT t.id, t.detainee_id, t.facility_id, t.detained_on, t.authority, t.charges, t.whereabouts,
    t.voided_at, t.void_reason, t.created_at, t.updated_at
FROM visible_detentions(%(sees_hidden)s) t
WHERE true
    AND t.id = %(id)s -- if id
    AND t.detainee_id = %(detainee_id)s -- if detainee_id
    AND t.voided_at IS NULL -- unless id
    AND t.id > %(after)s -- if after
ORDER BY t.id
LIMIT %(limit)s
