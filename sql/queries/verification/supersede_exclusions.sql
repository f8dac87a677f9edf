-- From now on the record says otherwise.
UPDATE verdict_exclusions n SET recorded_until = %(recorded_at)s
FROM jsonb_to_recordset(%(rows)s)
    AS r (release_event_id uuid, attestation_id uuid, published_from timestamptz)
WHERE n.release_event_id = r.release_event_id AND n.attestation_id = r.attestation_id
    AND n.published_from = r.published_from AND n.recorded_until = 'infinity'
