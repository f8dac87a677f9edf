-- Lists the names of facilities and sources at a moment of record time.
-- A claim has the name of its source, a confidential source that of the one that vouches for it. Only
-- a claim has been published.
-- Each id is looked up in its own table, so that the id of a person never gets a name. A table of
-- which no id is passed is left out.
SELECT n.id::text AS id, x.name, n.is_confidential, n.published_at
FROM (
    SELECT f.id, f.id AS named_by, false AS is_confidential, NULL::timestamptz AS published_at
    FROM facilities f
    WHERE true
        AND f.id = ANY (%(facility_ids)s) -- if facility_ids
        AND false -- unless facility_ids
    UNION ALL
    SELECT s.id, visible_source_id(s.id, false, %(recorded_as_of)s), s.confidential, NULL
    FROM sources s
    WHERE true
        AND s.id = ANY (%(source_ids)s) -- if source_ids
        AND false -- unless source_ids
    UNION ALL
    SELECT c.id, visible_source_id(c.source_id, false, %(recorded_as_of)s), s.confidential,
        c.published_at
    FROM claims c JOIN sources s ON s.id = c.source_id
    WHERE true
        AND c.id = ANY (%(claim_ids)s) -- if claim_ids
        AND false -- unless claim_ids
) n
CROSS JOIN LATERAL (
    SELECT coalesce(
        (
            SELECT shown_source_name(n.named_by, r.entry ->> 'kind', r.entry ->> 'name')
            FROM recorded(n.named_by, %(recorded_as_of)s::timestamptz) r
        ),
        -- The source that vouches for a confidential one may have been recorded later.
        (SELECT shown_source_name(s.id, s.kind, s.name) FROM sources s WHERE s.id = n.named_by)
    ) AS name
    -- OFFSET 0: look up each name once, not again for the condition.
    OFFSET 0
) x
WHERE x.name IS NOT NULL
