-- Tells whether the two people of a split or their children were written after it.
-- The entries of the split itself have one moment; entries after it are changes.
WITH split AS (
    SELECT p.id AS person_id, l.recorded_at
    FROM splits s
    JOIN ledger l ON l.resource_id = s.id AND l.action = 'created'
    CROSS JOIN LATERAL (VALUES (s.detainee_id), (s.new_detainee_id)) p (id)
    WHERE s.id = %(split_id)s
), records AS (
    SELECT s.person_id AS id FROM split s
    UNION ALL
    SELECT t.id FROM split s JOIN detentions t ON t.detainee_id = s.person_id
    UNION ALL
    SELECT e.id FROM split s JOIN release_events e ON e.detainee_id = s.person_id
)
SELECT EXISTS (
    SELECT FROM split s CROSS JOIN records r JOIN ledger l ON l.resource_id = r.id
    WHERE l.recorded_at > s.recorded_at AND l.action <> 'read'
) AS changed
