-- Gets a claim as it stood at a moment of record time.
SELECT c.id, c.source_id, c.is_confidential, c.kind, c.value, c.qualifier, c.as_of, c.published_at,
    c.window_start, c.facility_id, c.age_group, c.nationality, c.announcement_id, c.relays,
    c.origins, c.url, c.note, c.retracted_at, c.retraction_note, c.voided_at, c.void_reason,
    c.created_at, c.updated_at
FROM claims k
CROSS JOIN LATERAL visible_claim_recorded(k.id, %(recorded_as_of)s, %(sees_hidden)s) c
WHERE k.id = %(id)s
