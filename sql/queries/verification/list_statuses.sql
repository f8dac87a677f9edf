-- What the rule says of these release events now.
SELECT DISTINCT ON (s.release_event_id) s.release_event_id, s.verification ->> 'status' AS status
FROM verification_summaries s
WHERE s.release_event_id = ANY (%(ids)s)
ORDER BY s.release_event_id, s.published_from DESC
