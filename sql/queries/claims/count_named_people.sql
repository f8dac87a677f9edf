-- Counts the people with a release event of an announcement.
SELECT count(DISTINCT e.detainee_id) AS named
FROM release_events e
WHERE e.announcement_id = %(announcement_id)s AND e.merged_into IS NULL
    AND e.voided_at IS NULL
