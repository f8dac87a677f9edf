-- Rows of a list in their order, with the person of the earlier row that a row speaks of.
SELECT r.row, r.outcome, r.said, r.digest, r.detainee_id, r.same_as_row, r.people, r.rows,
    r.changes, r.faults, r.release_event_id, r.status_from, r.status_to, r.decision,
    r.resource, r.place, r.record_id, o.detainee_id AS same_detainee_id
FROM import_rows r
LEFT JOIN import_rows o ON o.import_id = r.import_id AND o.row = r.same_as_row
WHERE r.import_id = %(import_id)s AND r.row > %(after)s
    AND r.row = ANY (%(rows)s) -- if rows
    AND r.decision IS NOT NULL -- if decided
ORDER BY r.row
LIMIT %(limit)s
