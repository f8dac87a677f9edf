-- The database's time, the only one that counts.
SELECT clock_timestamp() AS now
