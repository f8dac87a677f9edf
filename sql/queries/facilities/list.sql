-- Lists facilities.
SELECT f.id, f.name, f.aliases, f.country, f.region, f.created_at, f.updated_at
FROM facilities f
WHERE true
    AND f.id = %(id)s -- if id
    AND f.id = ANY (%(ids)s::uuid[]) -- if ids
    AND f.country = %(country)s -- if country
    AND f.id > %(after)s -- if after
ORDER BY f.id
LIMIT %(limit)s
