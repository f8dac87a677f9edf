-- Detainees with their latest detention. What names a minor is null for who may not see it, and a
-- search by name does not find a minor for them either: the person counts, and is not named.
SELECT d.id,
    CASE WHEN shown THEN d.name END AS name,
    CASE WHEN shown THEN d.aliases ELSE '{}' END AS aliases,
    d.sex,
    CASE WHEN shown THEN d.birth_date END AS birth_date,
    d.age_group, d.nationalities,
    CASE WHEN shown THEN d.occupation END AS occupation,
    CASE WHEN shown THEN d.external_ids ELSE '[]' END AS external_ids,
    CASE WHEN l.id IS NOT NULL THEN row_to_json(l) END AS detention,
    CASE
        WHEN l.id IS NULL THEN NULL
        WHEN 'confirmed' IN (
            SELECT (
                SELECT v.status FROM verdicts v
                WHERE v.release_event_id = e.id AND v.recorded_until = 'infinity'
                    AND v.published_from <= now()
                ORDER BY v.published_from DESC LIMIT 1
            )
            FROM release_events e
            -- Not `=`, for which the index of the three days would be taken: much slower.
            WHERE e.detainee_id = d.id AND e.detention_id IS NOT DISTINCT FROM l.id
        ) THEN 'released'
        WHEN l.whereabouts = 'unknown' THEN 'whereabouts_unknown'
        ELSE 'detained'
    END AS custody,
    d.created_at, d.updated_at
FROM detainees d -- unless words
FROM detainee_words f JOIN detainees d ON d.id = f.detainee_id -- if words
CROSS JOIN LATERAL (SELECT d.age_group <> 'minor' OR %(sees_hidden)s AS shown) h
LEFT JOIN LATERAL (
    SELECT t.id, t.facility_id, t.detained_on, t.authority, t.charges, t.whereabouts
    FROM detentions t WHERE t.detainee_id = d.id
    ORDER BY t.began_on DESC, t.created_at DESC, t.id DESC LIMIT 1
) l ON true
WHERE true
    AND d.id = %(id)s -- if id
    AND d.id > %(after)s -- if after -- unless words
    AND f.detainee_id > %(after)s -- if after -- if words
    AND shown -- if words
    AND f.word = (%(words)s::text[])[1] -- if words
    AND cardinality(%(words)s::text[]) = ( -- if words
        SELECT count(*) FROM detainee_words w -- if words
        WHERE w.detainee_id = f.detainee_id AND w.word = ANY (%(words)s) -- if words
    ) -- if words
ORDER BY d.id -- unless words
ORDER BY f.detainee_id -- if words
LIMIT %(limit)s
