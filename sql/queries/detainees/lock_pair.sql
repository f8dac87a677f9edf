-- Two people who become one, or two again, in the order in which all lock.
SELECT d.id, d.merged_into
FROM detainees d
WHERE d.id = ANY (%(ids)s)
ORDER BY d.id
FOR NO KEY UPDATE
