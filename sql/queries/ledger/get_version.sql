-- The last entry of the ledger, as who asks may follow it; none while a moment that was recorded
-- beforehand has not passed, since answers then change without an entry.
SELECT h.seq -- if sees_hidden
SELECT h.public_seq AS seq -- unless sees_hidden
FROM ledger_head h
WHERE h.volatile_until < clock_timestamp()
