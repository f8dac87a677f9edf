-- Detentions, of one detainee or one by its id.
SELECT t.id, t.detainee_id, t.facility_id, t.detained_on, t.authority, t.charges, t.whereabouts,
    t.began_on, t.created_at, t.updated_at
FROM seen_detentions(%(sees_hidden)s) t
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
