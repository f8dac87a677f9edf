-- Tells whether a surviving record or its children were written after a merge.
-- The entries of the merge itself have one moment; entries after it are changes.
WITH merged AS (
    SELECT m.into_id, l.recorded_at FROM merges m
    JOIN ledger l ON l.resource_id = m.id AND l.action = 'created'
    WHERE m.id = %(merge_id)s
), records AS (
    SELECT m.into_id AS id FROM merged m
    UNION ALL
    SELECT t.id FROM merged m JOIN detentions t ON t.detainee_id = m.into_id
    UNION ALL
    SELECT e.id FROM merged m JOIN release_events e ON e.detainee_id = m.into_id
    UNION ALL
    SELECT a.id FROM merged m JOIN release_events e ON e.detainee_id = m.into_id
    JOIN attestations a ON a.release_event_id = e.id
)
SELECT EXISTS (
    SELECT FROM merged m CROSS JOIN records r JOIN ledger l ON l.resource_id = r.id
    WHERE l.recorded_at > m.recorded_at AND l.action <> 'read'
) AS changed
