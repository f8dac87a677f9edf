-- Counts the people with a release event of an announcement at a moment of record time.
SELECT count(DISTINCT x.entry ->> 'detainee_id') AS named
FROM (SELECT DISTINCT e.id FROM release_events_ever_of(%(announcement_id)s) e) i
CROSS JOIN LATERAL recorded(i.id, %(recorded_as_of)s) x
WHERE x.entry ->> 'announcement_id' = %(announcement_id)s::text
    AND x.entry ->> 'merged_into' IS NULL AND x.entry ->> 'voided_at' IS NULL
