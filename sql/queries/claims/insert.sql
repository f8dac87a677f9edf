-- Inserts a claim. Its origins are those of the claims that it relays, or else itself.
WITH claim AS (
    SELECT coalesce(%(id)s::uuid, uuidv7()) AS id
)
INSERT INTO claims (
    id, source_id, kind, value, qualifier, as_of, published_at, window_start, facility_id,
    age_group, nationality, announcement_id, relays, origins, url, note, retracted_at,
    retraction_note
)
SELECT c.id, %(source_id)s, %(kind)s, %(value)s, %(qualifier)s, %(as_of)s, %(published_at)s,
    %(window_start)s, %(facility_id)s, %(age_group)s, %(nationality)s, %(announcement_id)s,
    %(relays)s,
    coalesce(
        (
            SELECT jsonb_agg(o.origin ORDER BY o.origin)
            FROM (
                SELECT jsonb_array_elements(p.origins) AS origin
                FROM jsonb_array_elements(%(relays)s::jsonb) AS r (relay)
                JOIN claims p ON p.id = (r.relay ->> 'claim_id')::uuid
                UNION
                SELECT r.relay FROM jsonb_array_elements(%(relays)s::jsonb) AS r (relay)
                WHERE r.relay ->> 'source_id' IS NOT NULL
            ) o
        ),
        jsonb_build_array(jsonb_build_object('claim_id', c.id, 'source_id', NULL))
    ),
    %(url)s, %(note)s, %(retracted_at)s, %(retraction_note)s
FROM claim c
RETURNING id
