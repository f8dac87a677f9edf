-- Locks a person, so that one writer at a time changes how the person counts.
-- A merged duplicate gives no row: the condition is checked again once the lock is granted.
SELECT d.id, d.name, d.aliases, d.birth_date, d.age_group, d.withheld
FROM detainees d
WHERE d.id = %(id)s AND d.merged_into IS NULL
FOR NO KEY UPDATE
