-- Gets the database's time; never before the last ledger entry, even if the clock was set back.
SELECT greatest(clock_timestamp(), h.recorded_at) AS now FROM ledger_head h
