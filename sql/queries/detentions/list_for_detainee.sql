-- Lists the detentions of a person in order, each with the days of its release events.
SELECT t.id, t.detained_on, t.began_on, t.created_at, ARRAY(
    SELECT e.occurred_on FROM release_events e
    -- Not `=`: see 0009_release_events.sql.
    WHERE e.detainee_id = t.detainee_id AND e.detention_id IS NOT DISTINCT FROM t.id
        AND e.voided_at IS NULL
    ORDER BY e.occurred_on
) AS released_on
FROM detentions t
WHERE t.detainee_id = %(detainee_id)s AND t.voided_at IS NULL
ORDER BY t.began_on, t.created_at, t.id
