-- Locks a facility, so that If-Match is compared with the state that is changed.
-- FOR UPDATE: a detention at it waits, or is seen by facilities/get_use.
SELECT f.id, f.name, f.aliases, f.country, f.region
FROM facilities f
WHERE f.id = %(id)s
FOR UPDATE
