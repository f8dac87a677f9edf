-- Exports detentions.
-- The detentions of a person hidden from the caller have invented days that keep only their order.
SELECT t.id, t.detainee_id, t.facility_id, t.detained_on, t.authority, t.charges, t.whereabouts,
    CASE
        WHEN d.is_named OR %(sees_hidden)s THEN k.began_on
        ELSE date '0001-01-01' + (
            SELECT count(*) FROM detentions o
            WHERE o.detainee_id = k.detainee_id AND o.voided_at IS NULL
                AND (o.began_on, o.created_at, o.id) < (k.began_on, k.created_at, k.id)
        )::integer
    END AS began_on,
    CASE WHEN %(sees_hidden)s THEN k.counts_from_entry END AS counts_from_entry,
    t.created_at
FROM visible_detentions(%(sees_hidden)s) t
JOIN detentions k ON k.id = t.id
JOIN visible_detainees(%(sees_hidden)s) d ON d.id = t.detainee_id
WHERE t.voided_at IS NULL
    AND t.detainee_id IN ( -- if case_of
        SELECT e.detainee_id FROM release_events e -- if case_of
        WHERE e.announcement_id = %(case_of)s AND e.voided_at IS NULL -- if case_of
    ) -- if case_of
ORDER BY t.id
LIMIT %(limit)s
