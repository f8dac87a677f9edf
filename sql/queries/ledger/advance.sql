-- Advances the head to a moment of record time: no later entry is recorded at or before it.
-- Waits for a concurrent writer and moves the head. synchronous_commit is off, because a crash that
-- undoes the move does no harm: the clock has passed that moment.
UPDATE ledger_head SET recorded_at = %(recorded_as_of)s
WHERE recorded_at < %(recorded_as_of)s AND %(recorded_as_of)s <= clock_timestamp()
RETURNING set_config('synchronous_commit', 'off', true)
