-- Lists affiliations.
SELECT a.id, a.source_id, a.with_source_id, a.relation, a.valid_from, a.valid_until,
    a.voided_at, a.void_reason, a.created_at, a.updated_at
FROM surviving_affiliations a
WHERE true
    AND a.id = %(id)s -- if id
    AND a.id = ANY (%(ids)s) -- if ids
    AND a.joins_two -- unless id
    AND a.voided_at IS NULL -- unless id
    AND a.id > %(after)s -- if after
ORDER BY a.id
LIMIT %(limit)s
