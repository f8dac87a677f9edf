-- Lists the ids of the claims of a source, the last published first.
SELECT c.id::text
FROM sources_visible_as(%(source_id)s, false) s (id)
CROSS JOIN LATERAL (
    SELECT k.id, k.published_at FROM claims k
    WHERE k.source_id = s.id AND k.voided_at IS NULL
    ORDER BY k.published_at DESC, k.id
    LIMIT %(limit)s
) c
ORDER BY c.published_at DESC, c.id
LIMIT %(limit)s
