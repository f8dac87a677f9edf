-- Gets the record time of the last version of a person that was updated by a moment; null without one.
SELECT max(l.recorded_at) AS recorded_at
FROM ledger l
WHERE l.resource_id = %(id)s AND l.action <> 'read'
    AND (l.entry ->> 'updated_at')::timestamptz <= %(updated_at)s::timestamptz
