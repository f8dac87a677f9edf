-- Lists the rows of an import that still need a decision, and those that repeat a skipped row.
SELECT r.row, r.outcome, r.same_as_row, o.decision = 'skip' AS is_of_skipped
FROM import_rows r
LEFT JOIN LATERAL (
    -- OFFSET 0: look up each row, even if the table was small when the query was planned.
    SELECT e.decision FROM import_rows e
    WHERE e.import_id = r.import_id AND e.row = r.same_as_row
    OFFSET 0
) o ON true
WHERE r.import_id = %(import_id)s AND (
    (
        r.decision IS NULL
        -- Entries that refer to a possible duplicate follow the decision on that person.
        AND (r.outcome = 'invalid' OR r.candidate_ids <> '{}' OR r.candidate_rows <> '{}')
    )
    OR (o.decision = 'skip' AND r.decision IS DISTINCT FROM 'skip')
)
ORDER BY r.row
LIMIT %(limit)s
