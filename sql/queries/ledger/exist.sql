-- Tells whether the ledger is empty.
SELECT NOT EXISTS (SELECT FROM ledger) AS empty
