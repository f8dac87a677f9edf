-- Lists the names and aliases of all facilities.
SELECT f.id, f.name, f.aliases, f.country, f.region FROM facilities f ORDER BY f.created_at, f.id
