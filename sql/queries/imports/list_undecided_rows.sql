-- Rows that nobody decided on and that have to be, and those that speak of a row that is skipped.
SELECT r.row, r.outcome, r.same_as_row, o.decision = 'skip' AS of_skipped
FROM import_rows r
LEFT JOIN LATERAL (
    -- OFFSET 0: each is looked up, also where there were few rows when this was planned.
    SELECT e.decision FROM import_rows e
    WHERE e.import_id = r.import_id AND e.row = r.same_as_row
    OFFSET 0
) o ON true
WHERE r.import_id = %(import_id)s AND (
    (
        r.decision IS NULL
        -- What a case says of somebody who is in doubt follows what is decided on the person.
        AND (r.outcome = 'invalid' OR r.candidate_ids <> '{}' OR r.candidate_rows <> '{}')
    )
    OR (o.decision = 'skip' AND r.decision IS DISTINCT FROM 'skip')
)
ORDER BY r.row
LIMIT %(limit)s
