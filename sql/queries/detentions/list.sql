-- Lists detentions.
SELECT t.id, t.detainee_id, t.facility_id, t.detained_on, t.authority, t.charges, t.whereabouts,
    -- Of a hidden person only the order of detentions is exported.
    CASE -- if exported
        WHEN d.is_named OR %(sees_hidden)s THEN k.began_on -- if exported
        ELSE date '0001-01-01' + ( -- if exported
            SELECT count(*) FROM detentions o -- if exported
            WHERE o.detainee_id = k.detainee_id -- if exported
                AND (o.began_on, o.created_at, o.id) < (k.began_on, k.created_at, k.id) -- if exported
        )::integer -- if exported
    END AS began_on, -- if exported
    t.created_at, t.updated_at
FROM visible_detentions(%(sees_hidden)s) t
JOIN detentions k ON k.id = t.id -- if exported
JOIN visible_detainees(%(sees_hidden)s) d ON d.id = t.detainee_id -- if exported
WHERE true
    AND t.id = %(id)s -- if id
    AND t.detainee_id = %(detainee_id)s -- if detainee_id
    AND t.detainee_id IN ( -- if announcement_id
        SELECT e.detainee_id FROM release_events e -- if announcement_id
        WHERE e.announcement_id = %(announcement_id)s -- if announcement_id
    ) -- if announcement_id
    AND t.id > %(after)s -- if after
ORDER BY t.id
LIMIT %(limit)s
