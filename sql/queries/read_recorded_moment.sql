-- The moment of the last entry of the ledger, in this snapshot.
SELECT rfc3339(h.recorded_at) AS recorded_as_of FROM ledger_head h
