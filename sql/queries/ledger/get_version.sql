-- Gets the number of the last ledger entry; no row while responses can change with time alone.
SELECT h.seq FROM ledger_head h WHERE h.volatile_until < clock_timestamp()
