-- One writer at a time for all that decides how a person counts. None for who was merged: its
-- condition is looked at again once the lock is there.
SELECT d.id, d.name, d.aliases, d.birth_date, d.age_group, d.withheld
FROM detainees d
WHERE d.id = %(id)s AND d.merged_into IS NULL
FOR NO KEY UPDATE
