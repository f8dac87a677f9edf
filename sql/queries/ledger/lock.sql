-- Locks the ledger's head until the commit, so that no other transaction appends entries.
SELECT h.seq FROM ledger_head h FOR UPDATE
