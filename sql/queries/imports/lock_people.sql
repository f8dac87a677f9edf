-- Locks the people of an import's rows, in the lock order.
SELECT d.id FROM detainees d
WHERE d.id IN (
    SELECT r.detainee_id FROM import_rows r
    WHERE r.import_id = %(import_id)s AND r.decision IS DISTINCT FROM 'skip'
)
ORDER BY d.id
FOR NO KEY UPDATE
