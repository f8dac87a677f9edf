-- Lists claims to compare with counts as both stood at a moment of record time.
-- k has the columns that never change and are indexed.
SELECT c.id, c.source_id, c.is_confidential, c.kind, c.value, c.qualifier, c.as_of, c.published_at,
    c.window_start, c.facility_id, c.age_group, c.nationality, c.announcement_id, c.relays,
    c.origins, c.url, c.note, c.retracted_at, c.retraction_note, c.voided_at, c.void_reason,
    c.created_at, c.updated_at
FROM claims k
CROSS JOIN LATERAL visible_claim_recorded(k.id, %(recorded_as_of)s, %(sees_hidden)s) c
WHERE true
    AND k.kind = %(kind)s -- if kind
    AND k.published_at <= %(until)s AND k.as_of <= %(until)s -- if until
    AND k.source_id = ANY (ARRAY(SELECT sources_ever_visible_as(%(source_id)s, %(sees_hidden)s))) -- if source_id
    AND c.source_id = visible_source_id(%(source_id)s, true, %(recorded_as_of)s) -- if source_id
    AND k.facility_id = %(facility_id)s -- if facility_id
    AND k.nationality = %(nationality)s -- if nationality
    AND k.age_group = %(age_group)s -- if age_group
    AND k.announcement_id = %(announcement_id)s -- if announcement_id
    AND (k.as_of, k.id) < (SELECT l.as_of, l.id FROM claims l WHERE l.id = %(after)s) -- if after
ORDER BY k.as_of DESC, k.id DESC
LIMIT %(limit)s
