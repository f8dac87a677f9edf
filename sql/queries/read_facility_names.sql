-- All that facilities are called.
SELECT f.id, f.name, f.aliases FROM facilities f ORDER BY f.id
