-- Gets the last entry that the caller may follow; none while responses are volatile.
SELECT h.seq -- if sees_hidden
SELECT h.public_seq AS seq -- unless sees_hidden
FROM ledger_head h
WHERE h.volatile_until < clock_timestamp()
