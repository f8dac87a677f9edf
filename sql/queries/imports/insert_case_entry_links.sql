-- As what records entries of cases were recorded that are not records of their own.
INSERT INTO case_entries (id, record_id)
SELECT e.id, e.record_id FROM unnest(%(ids)s::uuid[], %(record_ids)s::uuid[]) AS e (id, record_id)
ON CONFLICT (id) DO NOTHING
