-- From now on the record says otherwise.
UPDATE verdicts v SET recorded_until = %(recorded_at)s
FROM jsonb_to_recordset(%(rows)s) AS r (release_event_id uuid, published_from timestamptz)
WHERE v.release_event_id = r.release_event_id AND v.published_from = r.published_from
    AND v.recorded_until = 'infinity'
