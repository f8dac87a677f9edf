-- Lists attestations with their relays and the summary of their event's verdict.
SELECT a.id, a.release_event_id, a.source_id, a.is_confidential, a.stance, a.basis, a.relays,
    a.release_kind, a.denial_reason, a.evidence, a.published_at, a.url, a.archived_url,
    a.content_sha256, a.language, a.note, a.retracted_at, a.retraction_note, a.voided_at,
    a.void_reason, a.verification, a.created_at, a.updated_at
FROM attestations_with_verification(%(sees_hidden)s) a
WHERE true
    AND a.id = %(id)s -- if id
    AND a.id = ANY (%(ids)s) -- if ids
    AND a.release_event_id = %(release_event_id)s -- if release_event_id
    AND a.id > %(after)s -- if after
ORDER BY a.id
LIMIT %(limit)s
