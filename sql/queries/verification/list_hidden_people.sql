-- Lists which of these people are hidden.
SELECT d.id FROM detainees d
WHERE d.id = ANY (%(detainee_ids)s) AND is_hidden(d.age_group, d.withheld)
