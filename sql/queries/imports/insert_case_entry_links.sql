-- Inserts the links from case entries to their records.
-- Only an editor's new decision about an entry replaces its link.
INSERT INTO case_entry_links (entry_id, record_id)
SELECT e.id, e.record_id FROM unnest(%(ids)s::uuid[], %(record_ids)s::uuid[]) AS e (id, record_id)
ON CONFLICT (entry_id) DO UPDATE SET record_id = excluded.record_id, linked_at = excluded.linked_at
WHERE case_entry_links.entry_id = ANY (%(decided_ids)s)
