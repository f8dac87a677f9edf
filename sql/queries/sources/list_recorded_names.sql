-- Lists the names of sources, and of the sources of claims, at a moment of record time.
-- A confidential source has the name of the one that vouches for it. Only a claim has been published.
-- Each id is looked up in its own table, so that the id of a person never gets a name.
SELECT n.id::text AS id, x.name, n.is_confidential, n.published_at
FROM (
    SELECT s.id, visible_source_id(s.id, false, %(recorded_as_of)s) AS named_by,
        s.confidential AS is_confidential, NULL::timestamptz AS published_at
    FROM sources s WHERE s.id = ANY (%(source_ids)s)
    UNION ALL
    SELECT c.id, visible_source_id(c.source_id, false, %(recorded_as_of)s), s.confidential,
        c.published_at
    FROM claims c JOIN sources s ON s.id = c.source_id
    WHERE c.id = ANY (%(claim_ids)s)
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
