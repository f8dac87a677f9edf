-- How these people count, as the record has it.
SELECT s.detainee_id, s.published_from, s.status_codes, s.groups
FROM person_statuses s
WHERE s.detainee_id = ANY (%(detainee_ids)s) AND s.recorded_until = 'infinity'
ORDER BY s.detainee_id, s.published_from
