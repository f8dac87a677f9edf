-- Locks the ledger's head until the commit, so that nobody else appends.
SELECT h.seq FROM ledger_head h FOR UPDATE
