-- Claims, as they are or as the record had them; k is what never changes of a claim, and is indexed.
SELECT c.id, c.source_id, c.kind, c.value, c.qualifier, c.as_of, c.published_at, c.window_start,
    c.facility_id, c.age_group, c.nationality, c.announcement_id, c.relays, c.origins, c.url, c.note,
    c.retracted_at, c.retraction_note, c.created_at, c.updated_at
FROM claims k
JOIN claims c ON c.id = k.id -- unless recorded_as_of
CROSS JOIN LATERAL recorded(k.id, %(recorded_as_of)s) x -- if recorded_as_of
CROSS JOIN LATERAL jsonb_populate_record(NULL::claims, x.entry) c -- if recorded_as_of
WHERE true
    AND k.id = %(id)s -- if id
    AND k.kind = %(kind)s -- if kind
    AND k.source_id = %(source_id)s -- if source_id
    AND k.announcement_id = %(announcement_id)s -- if announcement_id
    AND k.id > %(after)s -- if after
ORDER BY k.id
LIMIT %(limit)s
