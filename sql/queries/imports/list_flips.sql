-- Lists the status changes of an import by row, all of one row together.
SELECT f.row, f.release_event_id, f.status_from, f.status_to
FROM (
    SELECT r.row, r.release_event_id, r.status_from, r.status_to
    FROM import_rows r
    WHERE r.import_id = %(import_id)s
    UNION ALL
    SELECT s.row, s.release_event_id, s.status_from, s.status_to
    FROM import_statuses s
    WHERE s.import_id = %(import_id)s
) f
WHERE f.row > %(after)s AND f.status_to <> f.status_from
ORDER BY f.row
FETCH FIRST %(limit)s ROWS WITH TIES
