-- A source's word on an event, with what it relays, and how far it is ahead of the event's day.
WITH attestation AS (
    INSERT INTO attestations (
        id, release_event_id, source_id, stance, basis, release_kind, denial_reason, evidence,
        published_at, url, archived_url, content_sha256, language, note, retracted_at,
        retraction_note
    )
    VALUES (
        coalesce(%(id)s::uuid, uuidv7()), %(release_event_id)s, %(source_id)s, %(stance)s,
        %(basis)s, %(release_kind)s, %(denial_reason)s, %(evidence)s, %(published_at)s, %(url)s,
        %(archived_url)s, %(content_sha256)s, %(language)s, %(note)s, %(retracted_at)s,
        %(retraction_note)s
    )
    RETURNING id, release_event_id, stance, published_at
), lead AS (
    UPDATE leads l SET days = e.occurred_on - (a.published_at AT TIME ZONE 'UTC')::date
    FROM attestation a JOIN release_events e ON e.id = a.release_event_id
    WHERE l.days < e.occurred_on - (a.published_at AT TIME ZONE 'UTC')::date
), relayed AS (
    INSERT INTO relays (
        attestation_id, release_event_id, stance, relayed_attestation_id, relayed_source_id
    )
    SELECT a.id, a.release_event_id, a.stance, r.attestation_id, r.source_id
    FROM attestation a,
        unnest(%(relayed_attestations)s::uuid[], %(relayed_sources)s::uuid[])
            AS r (attestation_id, source_id)
)
SELECT a.id FROM attestation a
