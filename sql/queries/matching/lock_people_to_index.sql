-- Locks the next people in the order of ids, so that their names do not change meanwhile.
SELECT d.id, d.name, d.aliases FROM detainees d
WHERE d.merged_into IS NULL AND (%(after)s::uuid IS NULL OR d.id > %(after)s)
ORDER BY d.id LIMIT %(limit)s
FOR NO KEY UPDATE
