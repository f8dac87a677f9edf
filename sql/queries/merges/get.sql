-- Gets a merge of people, its state, and the last merge into the same person that is not undone.
SELECT m.detainee_id, m.into_id, m.undone_at, d.merged_into AS into_merged_into,
    (
        SELECT o.id
        FROM merges o JOIN ledger l ON l.resource_id = o.id AND l.action = 'created'
        WHERE o.into_id = m.into_id AND o.undone_at IS NULL
        ORDER BY l.seq DESC
        LIMIT 1
    ) AS last_id,
    (
        SELECT s.id
        FROM splits s JOIN ledger l ON l.resource_id = s.id AND l.action = 'created'
        WHERE s.detainee_id = m.into_id AND s.undone_at IS NULL AND l.seq > (
            SELECT k.seq FROM ledger k WHERE k.resource_id = m.id AND k.action = 'created'
        )
        LIMIT 1
    ) AS last_split_id
FROM merges m JOIN detainees d ON d.id = m.into_id
WHERE m.id = %(id)s
