-- Inserts the links from case entries to their records.
INSERT INTO case_entry_links (entry_id, record_id)
SELECT e.id, e.record_id FROM unnest(%(ids)s::uuid[], %(record_ids)s::uuid[]) AS e (id, record_id)
ON CONFLICT (entry_id) DO NOTHING
