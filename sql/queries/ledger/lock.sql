-- Nobody else enters anything until the commit.
SELECT h.seq FROM ledger_head h FOR UPDATE
