-- Before an answer for a record time after the last entry: waits for the writer that may be under
-- way, and moves the head, so that nothing can still be recorded at or before that moment. Nothing
-- is lost if a crash forgets it: the clock has passed that moment.
UPDATE ledger_head SET recorded_at = %(recorded_as_of)s, recorded_by = pg_current_xact_id()
WHERE recorded_at < %(recorded_as_of)s AND %(recorded_as_of)s <= clock_timestamp()
RETURNING set_config('synchronous_commit', 'off', true)
