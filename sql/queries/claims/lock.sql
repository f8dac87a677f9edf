-- Locks a claim that is about to be retracted.
SELECT c.published_at, c.retracted_at,
    greatest(clock_timestamp(), (SELECT h.recorded_at FROM ledger_head h)) AS now
FROM claims c
WHERE c.id = %(id)s
FOR NO KEY UPDATE
