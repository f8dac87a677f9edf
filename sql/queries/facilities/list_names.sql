-- All that facilities are called.
SELECT f.id, f.name, f.aliases, f.country, f.region FROM facilities f ORDER BY f.id
