-- Lists rows of an import in order, each with the person of the earlier row that it repeats, and
-- whether that row records the person.
SELECT r.row, r.outcome, r.content, r.digest, r.detainee_id, r.same_as_row, r.candidate_ids,
    r.candidate_rows, r.changes, r.errors, r.ignored, r.release_event_id, r.status_from,
    r.status_to, r.decision, r.resource, r.pointer, r.record_id, o.detainee_id AS same_detainee_id,
    coalesce(coalesce(o.decision, o.outcome) = 'new', false) AS is_of_new
FROM import_rows r
LEFT JOIN LATERAL (
    -- OFFSET 0: look up each row, even if the table was small when the query was planned.
    SELECT e.detainee_id, e.decision, e.outcome FROM import_rows e
    WHERE e.import_id = r.import_id AND e.row = r.same_as_row
    OFFSET 0
) o ON true
WHERE r.import_id = %(import_id)s AND r.row > %(after)s
    AND r.row = ANY (%(rows)s) -- if rows
    AND r.decision IS NOT NULL -- if decided
ORDER BY r.row
LIMIT %(limit)s
