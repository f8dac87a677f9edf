-- Finds the first entry that does not follow the one before it in number and in time.
SELECT l.seq
FROM (
    SELECT l.seq, l.public_seq, l.recorded_at,
        lag(l.seq, 1, 0) OVER entries AS seq_before,
        lag(l.recorded_at, 1, '-infinity') OVER entries AS recorded_before,
        1 + count(l.public_seq) OVER (entries ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
            AS next_public_seq
    FROM ledger l
    WINDOW entries AS (ORDER BY l.seq)
) l
WHERE l.seq <> l.seq_before + 1 OR l.recorded_at < l.recorded_before
    OR l.public_seq <> l.next_public_seq
ORDER BY l.seq
LIMIT 1
