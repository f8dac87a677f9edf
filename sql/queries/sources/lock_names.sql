-- Locks the names of sources until the commit: no other writer adds or changes one meanwhile.
-- A lock of the table would also wait for autovacuum, for a second.
SELECT pg_advisory_xact_lock(hashtextextended('names of sources', 0))
