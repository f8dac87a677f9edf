-- Lists the people of some detentions who have a person status.
SELECT DISTINCT t.detainee_id AS id
FROM detentions t
WHERE t.id = ANY (%(detention_ids)s)
    AND EXISTS (SELECT FROM person_statuses s WHERE s.detainee_id = t.detainee_id)
