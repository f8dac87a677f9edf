-- Lists sources, each with its affiliations.
SELECT s.id, s.name, s.kind, s.country, s.url, s.confidential, s.vouched_by,
    (
        SELECT coalesce(json_agg(json_build_object(
            'id', a.id, 'source_id', a.source_id, 'with_source_id', a.with_source_id,
            'relation', a.relation, 'valid_from', rfc3339(a.valid_from),
            'valid_until', rfc3339(a.valid_until), 'voided_at', rfc3339(a.voided_at),
            'void_reason', a.void_reason, 'created_at', rfc3339(a.created_at),
            'updated_at', rfc3339(a.updated_at)
        ) ORDER BY a.id), '[]')
        FROM (
            SELECT s.id UNION ALL SELECT o.id FROM sources o WHERE o.merged_into = s.id
        ) m
        JOIN affiliations e ON e.source_id = m.id OR e.with_source_id = m.id
        JOIN surviving_affiliations a ON a.id = e.id
        WHERE a.joins_two AND a.voided_at IS NULL
    ) AS affiliations,
    s.created_at, s.updated_at, s.confidential AS is_hidden
FROM visible_sources(%(sees_hidden)s) s
WHERE true
    AND s.id = %(id)s -- if id
    AND s.id = ANY (%(ids)s::uuid[]) -- if ids
    AND s.kind = %(kind)s -- if kind
    AND s.id > %(after)s -- if after
ORDER BY s.id -- unless exported
ORDER BY s.confidential, s.id -- if exported
LIMIT %(limit)s
