-- A person's detentions in order, each with the day of its last release event.
SELECT t.id, t.began_on, (
    SELECT max(e.occurred_on) FROM release_events e
    WHERE e.detainee_id = t.detainee_id AND e.detention_id = t.id
) AS last_release_on
FROM detentions t
WHERE t.detainee_id = %(detainee_id)s
ORDER BY t.began_on, t.created_at, t.id
