-- Counts the rows of a previewed list by outcome, and the attestations and events that they add.
SELECT r.outcome, count(*) AS rows, count(r.status_to) AS attestations,
    count(r.status_to) FILTER (WHERE r.release_event_id IS NULL) AS release_events
FROM import_rows r
WHERE r.import_id = %(import_id)s
GROUP BY r.outcome
