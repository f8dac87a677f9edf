-- Lists people with their latest detention: all, or those that a search found.
-- A search finds nobody who is hidden from the caller.
SELECT d.id, d.name, d.is_named,
    d.withheld, -- unless exported
    -- A person who is hidden from the reader must stay hidden where the export is loaded.
    coalesce(d.withheld, true) AS withheld, -- if exported
    d.aliases, d.sex, d.birth_date, d.age_group,
    d.nationalities, d.occupation, d.external_ids,
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
            -- Not `=`: for it the planner takes the GiST index of the three days, which is slower.
            WHERE e.detainee_id = d.id AND e.detention_id IS NOT DISTINCT FROM l.id
        ) THEN 'released'
        WHEN l.whereabouts = 'unknown' THEN 'whereabouts_unknown'
        ELSE 'detained'
    END AS custody,
    NULL AS match, -- unless ids
    m.match, -- if ids
    d.created_at, d.updated_at, NOT d.is_named AS is_hidden
FROM visible_detainees(%(sees_hidden)s) d -- unless ids
FROM unnest(%(ids)s::uuid[], %(matches)s::json[]) m (id, match) -- if ids
JOIN visible_detainees(%(sees_hidden)s) d ON d.id = m.id -- if ids
LEFT JOIN LATERAL (
    SELECT t.id, t.facility_id, t.detained_on, t.authority, t.charges, t.whereabouts
    FROM latest_detention(d.id) latest
    JOIN visible_detentions(%(sees_hidden)s) t ON t.id = latest.id
) l ON true
WHERE true
    AND d.id = %(id)s -- if id
    AND d.id IN ( -- if announcement_id
        SELECT e.detainee_id FROM release_events e -- if announcement_id
        WHERE e.announcement_id = %(announcement_id)s -- if announcement_id
    ) -- if announcement_id
    AND d.id > %(after)s -- if after
    AND (d.is_named OR %(sees_hidden)s) -- if ids
ORDER BY d.id -- unless ids
LIMIT %(limit)s
