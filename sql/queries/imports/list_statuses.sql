-- What becomes of the status of every release event that a case concerns.
SELECT s.row, s.release_event_id, s.status_to
FROM import_statuses s
WHERE s.import_id = %(import_id)s
