-- Locks the person of a release event, so that concurrent attestations are all counted.
-- Read the event again afterwards: a merge may have moved it while the lock was awaited.
SELECT e.detainee_id
FROM release_events e JOIN detainees d ON d.id = e.detainee_id
WHERE e.id = %(id)s AND e.merged_into IS NULL
FOR NO KEY UPDATE OF d
