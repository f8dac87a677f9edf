-- Inserts a claim. Its origins are those of the claims it relays; without relays, the claim itself.
INSERT INTO claims (
    id, source_id, kind, value, qualifier, as_of, published_at, window_start, facility_id,
    age_group, nationality, announcement_id, relays, origins, url, note, retracted_at,
    retraction_note
)
SELECT %(id)s, %(source_id)s, %(kind)s, %(value)s, %(qualifier)s, %(as_of)s, %(published_at)s,
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
        jsonb_build_array(jsonb_build_object('claim_id', %(id)s::uuid, 'source_id', NULL))
    ),
    %(url)s, %(note)s, %(retracted_at)s, %(retraction_note)s
