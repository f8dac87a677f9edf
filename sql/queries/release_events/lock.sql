-- The person of an event, locked: two attestations at once must not lose one. Whose the event is has
-- to be read again then, since it may have moved while the lock was waited for.
SELECT e.detainee_id
FROM release_events e JOIN detainees d ON d.id = e.detainee_id
WHERE e.id = %(id)s AND e.merged_into IS NULL
FOR NO KEY UPDATE OF d
