-- A claim that is about to be retracted: only once.
SELECT c.published_at, c.retracted_at, clock_timestamp() AS now
FROM claims c
WHERE c.id = %(id)s
FOR NO KEY UPDATE
