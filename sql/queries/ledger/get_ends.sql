-- Gets the end of the ledger by its head and by its entries, for comparison.
SELECT h.seq, h.public_seq, l.entries, l.last_seq, l.public_entries, l.last_public_seq,
    h.recorded_at >= h.public_recorded_at AND h.recorded_at >= l.last_recorded_at AS is_last,
    clock_timestamp() AS now, clock_timestamp() < h.recorded_at AS is_ahead
FROM ledger_head h
CROSS JOIN (
    SELECT count(*) AS entries, coalesce(max(l.seq), 0) AS last_seq,
        count(l.public_seq) AS public_entries, coalesce(max(l.public_seq), 0) AS last_public_seq,
        coalesce(max(l.recorded_at), '-infinity') AS last_recorded_at
    FROM ledger l
) l
