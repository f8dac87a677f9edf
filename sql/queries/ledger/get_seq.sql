-- Gets the number of the last entry that this transaction can see.
SELECT h.seq FROM ledger_head h
