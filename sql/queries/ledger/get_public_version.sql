-- Gets the number of the last public ledger entry; no row while responses can change with time alone.
SELECT h.public_seq AS seq FROM ledger_head h WHERE h.volatile_until < clock_timestamp()
