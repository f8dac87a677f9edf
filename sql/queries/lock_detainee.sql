-- One writer at a time for all that decides how a person counts.
SELECT d.id, d.name, d.aliases, d.birth_date, d.age_group, d.withheld
FROM detainees d
WHERE d.id = %(id)s
FOR NO KEY UPDATE
