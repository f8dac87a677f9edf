-- Who of these people must not be named.
SELECT d.id FROM detainees d
WHERE d.id = ANY (%(detainee_ids)s) AND (d.age_group = 'minor' OR d.withheld)
