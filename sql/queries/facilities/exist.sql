-- Tells whether there is a facility with this id, and in this country.
SELECT f.id
FROM facilities f
WHERE true
    AND f.id = %(id)s -- if id
    AND f.country = %(country)s -- if country
LIMIT 1
