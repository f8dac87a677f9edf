-- Locks two sources for a merge, its undo or a distinction, in the order of all locks.
SELECT s.id, s.merged_into, s.confidential
FROM sources s
WHERE s.id = ANY (%(ids)s)
ORDER BY s.id
FOR NO KEY UPDATE
