-- Locks external ids until the commit, so that two requests do not enter one person twice.
SELECT pg_advisory_xact_lock(hashtextextended('external id ' || i.external_id, 0))
FROM unnest(%(external_ids)s::text[]) i (external_id)
