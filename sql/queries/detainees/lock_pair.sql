-- Locks two people for a merge or its undo, in the order of all locks.
SELECT d.id, d.merged_into
FROM detainees d
WHERE d.id = ANY (%(ids)s)
ORDER BY d.id
FOR NO KEY UPDATE
