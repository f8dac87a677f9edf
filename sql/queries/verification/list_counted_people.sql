-- Who of the people that these detentions are of counts already, perhaps otherwise from now on.
SELECT DISTINCT t.detainee_id AS id
FROM detentions t
WHERE t.id = ANY (%(detention_ids)s)
    AND EXISTS (SELECT FROM person_statuses s WHERE s.detainee_id = t.detainee_id)
