-- Whether nothing was ever written.
SELECT NOT EXISTS (SELECT FROM ledger) AS empty
