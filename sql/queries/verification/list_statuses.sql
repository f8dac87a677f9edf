-- Lists the current status of release events.
SELECT DISTINCT ON (s.release_event_id) s.release_event_id, s.verification ->> 'status' AS status
FROM verification_summaries s
WHERE s.release_event_id = ANY (%(ids)s)
ORDER BY s.release_event_id, s.published_from DESC
