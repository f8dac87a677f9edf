-- Whose merge it is, whether it stands, the last that stands into the same person, and whether that
-- one was hidden before it.
SELECT m.detainee_id, m.into_id, m.undone_at, d.merged_into AS into_merged_into,
    (
        SELECT l.id FROM merges l WHERE l.into_id = m.into_id AND l.undone_at IS NULL
        ORDER BY l.id DESC LIMIT 1
    ) AS last_id,
    (
        SELECT is_hidden(l.entry ->> 'age_group', (l.entry ->> 'withheld')::boolean) FROM ledger l
        WHERE l.resource_id = m.into_id AND l.action <> 'read' AND l.seq < (
            SELECT c.seq FROM ledger c WHERE c.resource_id = m.id AND c.action = 'created'
        )
        ORDER BY l.seq DESC LIMIT 1
    ) AS was_hidden
FROM merges m JOIN detainees d ON d.id = m.into_id
WHERE m.id = %(id)s
