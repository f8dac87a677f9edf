-- Lists the people whose person status can change by these new detentions and release events.
SELECT t.detainee_id AS id
FROM detentions t
WHERE t.id = ANY (%(ids)s)
    AND EXISTS (SELECT FROM person_statuses s WHERE s.detainee_id = t.detainee_id)
UNION
SELECT e.detainee_id
FROM release_events e
WHERE e.id = ANY (%(ids)s)
    AND EXISTS (SELECT FROM person_statuses s WHERE s.detainee_id = e.detainee_id)
    AND EXISTS (
        SELECT FROM detentions t WHERE t.detainee_id = e.detainee_id AND t.id <> e.detention_id
    )
