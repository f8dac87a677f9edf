-- Lists the attestations that a caller sees as those of one source, like attestations/list.
-- The public also sees those of confidential sources under the source that vouches for them. At most a
-- page of each source is read, by the index of sources.
SELECT a.id, a.release_event_id, a.source_id, a.is_confidential, a.stance, a.basis, a.relays,
    a.release_kind, a.denial_reason, a.evidence, a.published_at, a.url, a.archived_url,
    a.content_sha256, a.language, a.note, a.retracted_at, a.retraction_note, a.voided_at,
    a.void_reason, a.verification, a.created_at, a.updated_at
FROM sources_visible_as(%(source_id)s, %(sees_hidden)s) AS v (source_id)
CROSS JOIN LATERAL (
    SELECT w.id FROM attestations w
    WHERE w.source_id = v.source_id
        AND w.release_event_id = %(release_event_id)s -- if release_event_id
        AND w.id > %(after)s -- if after
    ORDER BY w.id LIMIT %(limit)s
) w
JOIN attestations_with_verification(%(sees_hidden)s) a ON a.id = w.id
ORDER BY a.id
LIMIT %(limit)s
