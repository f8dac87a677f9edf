-- The people with a release event that refers to an announcement, as the record stands or had it.
SELECT count(DISTINCT e.detainee_id) AS named
FROM release_events e
CROSS JOIN LATERAL recorded(e.id, %(recorded_as_of)s) x -- if recorded_as_of
WHERE true
    AND e.announcement_id = %(announcement_id)s -- unless recorded_as_of
    AND x.entry ->> 'announcement_id' = %(announcement_id)s::text -- if recorded_as_of
