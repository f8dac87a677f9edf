-- Locks the names of facilities until the commit: no other writer adds or changes one meanwhile.
SELECT pg_advisory_xact_lock(hashtextextended('names of facilities', 0))
