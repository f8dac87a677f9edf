-- Gets the number and the moment of the last ledger entry, in this snapshot.
SELECT h.seq, rfc3339(h.recorded_at) AS recorded_as_of FROM ledger_head h
