-- Locks the next people in the order of ids, so that their names do not change meanwhile.
SELECT d.id, d.name, d.aliases FROM detainees d
WHERE d.merged_into IS NULL
    AND d.id > %(after)s -- if after
ORDER BY d.id LIMIT %(limit)s
FOR NO KEY UPDATE
