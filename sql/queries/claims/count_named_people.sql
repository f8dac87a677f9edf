-- Counts the people with a release event of an announcement, as recorded now or at a moment.
SELECT count(DISTINCT e.detainee_id) AS named -- unless recorded_as_of
SELECT count(DISTINCT x.entry ->> 'detainee_id') AS named -- if recorded_as_of
FROM release_events e -- unless recorded_as_of
WHERE e.announcement_id = %(announcement_id)s AND e.merged_into IS NULL -- unless recorded_as_of
FROM ( -- if recorded_as_of
    -- Only events that ever had it.
    SELECT DISTINCT l.resource_id AS id FROM ledger l -- if recorded_as_of
    WHERE l.resource = 'release_event' -- if recorded_as_of
        AND l.entry ->> 'announcement_id' = %(announcement_id)s::text -- if recorded_as_of
) i -- if recorded_as_of
CROSS JOIN LATERAL recorded(i.id, %(recorded_as_of)s) x -- if recorded_as_of
WHERE x.entry ->> 'announcement_id' = %(announcement_id)s::text -- if recorded_as_of
    AND x.entry ->> 'merged_into' IS NULL -- if recorded_as_of
