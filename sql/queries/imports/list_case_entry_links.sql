-- Lists the records of case entries that were loaded or imported before.
SELECT DISTINCT l.resource_id AS id, l.resource_id AS record_id
FROM ledger l WHERE l.resource_id = ANY (%(ids)s)
UNION ALL
SELECT c.entry_id, c.record_id FROM case_entry_links c WHERE c.entry_id = ANY (%(ids)s)
