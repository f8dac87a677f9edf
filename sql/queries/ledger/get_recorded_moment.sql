-- Gets the last entry of the ledger in this snapshot, or the last public one.
SELECT h.seq, rfc3339(h.recorded_at) AS recorded_as_of
FROM public_head h -- unless sees_hidden
FROM ledger_head h -- if sees_hidden
