-- Gets the database's time; never before the last ledger entry, even if the clock was set back.
-- `present` stays the same within a transaction.
SELECT greatest(clock_timestamp(), h.recorded_at) AS now,
    greatest(now(), h.recorded_at) AS present, h.recorded_at
FROM ledger_head h
