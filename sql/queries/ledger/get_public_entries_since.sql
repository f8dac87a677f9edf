-- Gets the number of the public entries after a moment.
SELECT h.public_seq - recorded_seq(%(since)s::timestamptz) AS entries FROM ledger_head h
