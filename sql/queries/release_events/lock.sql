-- Locks the person of a release event, so that concurrent attestations are all counted.
-- The caller then reads the event again: a merge may have moved it during the wait for the lock.
SELECT e.detainee_id
FROM release_events e JOIN detainees d ON d.id = e.detainee_id
WHERE e.id = %(id)s AND e.merged_into IS NULL
FOR NO KEY UPDATE OF d
