-- What the record says from now on.
INSERT INTO verdict_exclusions (
    release_event_id, attestation_id, published_from, recorded_from, reason
)
SELECT r.release_event_id, r.attestation_id, r.published_from, %(recorded_at)s, r.reason
FROM jsonb_to_recordset(%(rows)s) AS r (
    release_event_id uuid, attestation_id uuid, published_from timestamptz, reason text
)
