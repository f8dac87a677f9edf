-- Lists the names and aliases of all facilities, or of some.
SELECT f.id, f.name, f.aliases, f.country, f.region
FROM facilities f
WHERE true
    AND f.id = ANY (%(ids)s) -- if ids
ORDER BY f.created_at, f.id
