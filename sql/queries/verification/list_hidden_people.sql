-- Lists those of some people who are hidden.
SELECT d.id FROM detainees d
WHERE d.id = ANY (%(detainee_ids)s) AND is_hidden(d.age_group, d.withheld)
