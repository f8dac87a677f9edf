-- Gets the number of the last ledger entry; none while responses are volatile.
SELECT h.seq FROM ledger_head h WHERE h.volatile_until < clock_timestamp()
