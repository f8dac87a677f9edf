-- Lists the status, after an import, of each release event that its case file affects.
SELECT s.row, s.release_event_id, s.status_to
FROM import_statuses s
WHERE s.import_id = %(import_id)s
