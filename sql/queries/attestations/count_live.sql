-- Counts the attestations that are not void, by release event.
SELECT a.release_event_id, count(*) AS attestations
FROM attestations a
WHERE a.release_event_id = ANY (%(release_event_ids)s) AND a.voided_at IS NULL
GROUP BY a.release_event_id
