-- Some of the people who were counted before there were groups, in the order in which all lock.
SELECT d.id
FROM detainees d
WHERE d.id IN (
    SELECT s.detainee_id FROM standings s
    WHERE s.groups IS NULL AND s.recorded_until = 'infinity'
    LIMIT %(limit)s
)
ORDER BY d.id
FOR NO KEY UPDATE
