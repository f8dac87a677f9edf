-- Lists those facilities that a case writes whose detentions that it writes are of hidden people alone.
SELECT f.id, f.name
FROM detentions t
JOIN detainees d ON d.id = t.detainee_id
JOIN facilities f ON f.id = t.facility_id
WHERE t.facility_id = ANY (%(facility_ids)s)
    AND (t.detainee_id = ANY (%(detainee_ids)s) OR t.id = ANY (%(detention_ids)s))
GROUP BY f.id
HAVING bool_and(is_hidden(d.age_group, d.withheld))
