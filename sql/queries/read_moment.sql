-- The moment of the record that an answer is for, and the ledger's last entry by then.
SELECT rfc3339(h.recorded_at) AS recorded_as_of, h.seq AS ledger_seq FROM ledger_head h -- unless recorded_as_of
SELECT rfc3339(%(recorded_as_of)s::timestamptz) AS recorded_as_of, -- if recorded_as_of
    recorded_seq(%(recorded_as_of)s::timestamptz) AS ledger_seq -- if recorded_as_of
