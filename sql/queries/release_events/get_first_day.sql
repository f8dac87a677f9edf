-- Gets the first day of a release that counts; no row if none does.
SELECT v.occurred_on::text AS day
FROM first_verdicts v JOIN release_events e ON e.id = v.release_event_id
WHERE e.voided_at IS NULL AND e.merged_into IS NULL
ORDER BY v.occurred_on
LIMIT 1
