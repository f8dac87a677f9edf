-- Updates valid rows of a previewed list that contradict each other: they are invalid.
UPDATE import_rows r SET
    outcome = 'invalid', errors = e.errors, changes = '{}', release_event_id = NULL,
    status_from = NULL, status_to = NULL
FROM jsonb_to_recordset(%(rows)s) AS e (row integer, errors jsonb)
WHERE r.import_id = %(import_id)s AND r.row = e.row
