-- Lists the detentions of people in order with their release events, for the row plan of an import.
SELECT t.detainee_id, t.id, t.facility_id, t.detained_on, t.began_on, t.authority, t.charges,
    t.whereabouts, e.event_ids, e.released_on
FROM detentions t
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(v.id ORDER BY v.occurred_on), '{}') AS event_ids,
        coalesce(array_agg(v.occurred_on ORDER BY v.occurred_on), '{}') AS released_on
    FROM release_events v
    -- Not `=`: see 0009_release_events.sql.
    WHERE v.detainee_id = t.detainee_id AND v.detention_id IS NOT DISTINCT FROM t.id
        AND v.merged_into IS NULL AND v.voided_at IS NULL
) e
WHERE t.detainee_id = ANY (%(ids)s) AND t.merged_into IS NULL AND t.voided_at IS NULL
ORDER BY t.detainee_id, t.began_on, t.created_at, t.id
