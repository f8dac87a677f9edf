-- From now on the record says otherwise.
UPDATE person_statuses s SET recorded_until = %(recorded_at)s
FROM jsonb_to_recordset(%(rows)s) AS r (detainee_id uuid, published_from timestamptz)
WHERE s.detainee_id = r.detainee_id AND s.published_from = r.published_from
    AND s.recorded_until = 'infinity'
