-- Gets a distinction that the caller may see.
SELECT x.id, x.detainee_id, x.source_id,
    coalesce(x.distinct_from_id, x.distinct_from_source_id) AS distinct_from, x.created_at,
    x.updated_at, x.withdrawn_at
FROM visible_distinctions(%(sees_hidden)s) x
WHERE x.id = %(id)s
