-- Gets the number of the last public ledger entry; none while responses are volatile.
SELECT h.public_seq AS seq FROM ledger_head h WHERE h.volatile_until < clock_timestamp()
