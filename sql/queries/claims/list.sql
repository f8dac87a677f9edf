-- Lists claims.
-- k has the columns that never change and are indexed.
SELECT c.id, c.source_id, c.is_confidential, c.kind, c.value, c.qualifier, c.as_of, c.published_at,
    c.window_start, c.facility_id, c.age_group, c.nationality, c.announcement_id, c.relays,
    c.origins, c.url, c.note, c.retracted_at, c.retraction_note, c.voided_at, c.void_reason,
    c.created_at, c.updated_at
FROM claims k
CROSS JOIN LATERAL visible_claim(k, %(sees_hidden)s, NULL) c
WHERE true
    AND k.id = %(id)s -- if id
    AND k.kind = %(kind)s -- if kind
    AND k.source_id = ANY (ARRAY(SELECT sources_visible_as(%(source_id)s, %(sees_hidden)s))) -- if source_id
    AND k.announcement_id = %(announcement_id)s -- if announcement_id
    AND k.id = ANY (%(ids)s) -- if ids
    AND k.voided_at IS NULL -- unless id
    AND k.id > %(after)s -- if after
ORDER BY k.id -- unless exported
ORDER BY k.recorded_order -- if exported
LIMIT %(limit)s
