-- The last entry of the ledger that this transaction can know of.
SELECT h.seq FROM ledger_head h
