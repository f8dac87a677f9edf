-- Inserts an attestation with its relays.
WITH attestation AS (
    INSERT INTO attestations (
        id, release_event_id, source_id, stance, basis, release_kind, denial_reason, evidence,
        published_at, url, archived_url, content_sha256, language, note, retracted_at,
        retraction_note
    )
    VALUES (
        %(id)s, %(release_event_id)s, %(source_id)s, %(stance)s,
        %(basis)s, %(release_kind)s, %(denial_reason)s, %(evidence)s, %(published_at)s, %(url)s,
        %(archived_url)s, %(content_sha256)s, %(language)s, %(note)s, %(retracted_at)s,
        %(retraction_note)s
    )
    RETURNING id, release_event_id, stance
)
INSERT INTO attestation_relays (
    attestation_id, release_event_id, stance, relayed_attestation_id, relayed_source_id
)
SELECT a.id, a.release_event_id, a.stance, r.attestation_id, r.source_id
FROM attestation a,
    unnest(%(relayed_attestations)s::uuid[], %(relayed_sources)s::uuid[])
        AS r (attestation_id, source_id)
