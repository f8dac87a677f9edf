-- Lists the record of each case entry that was loaded or imported before, and when both were linked.
-- An entry with a link has the linked record, even if another record has the id of the entry.
SELECT DISTINCT ON (x.id) x.id, x.record_id, x.linked_at
FROM (
    SELECT l.resource_id AS id, l.resource_id AS record_id, l.recorded_at AS linked_at
    FROM ledger l WHERE l.resource_id = ANY (%(ids)s)
    UNION ALL
    SELECT c.entry_id, c.record_id, c.linked_at
    FROM case_entry_links c WHERE c.entry_id = ANY (%(ids)s)
) x
ORDER BY x.id, x.record_id = x.id, x.linked_at
