-- Lists a distinction.
SELECT x.id, x.detainee_id, x.distinct_from_id AS distinct_from, x.created_at, x.updated_at,
    x.withdrawn_at
FROM distinctions x
WHERE x.id = %(id)s
