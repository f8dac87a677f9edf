-- Locks a facility, so that If-Match is compared with the state that is changed.
SELECT f.id, f.name, f.aliases, f.country, f.region
FROM facilities f
WHERE f.id = %(id)s
FOR NO KEY UPDATE
