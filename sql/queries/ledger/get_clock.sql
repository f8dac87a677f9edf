-- The database's time, the only one that counts; never before what is recorded, should its clock
-- have been set back.
SELECT greatest(clock_timestamp(), h.recorded_at) AS now FROM ledger_head h
