-- The people whom a list speaks of, in the order in which all lock.
SELECT d.id FROM detainees d
WHERE d.id IN (
    SELECT r.detainee_id FROM import_rows r
    WHERE r.import_id = %(import_id)s AND r.decision IS DISTINCT FROM 'skip'
)
ORDER BY d.id
FOR NO KEY UPDATE
