-- Whose merge it is, whether it stands, and the last that stands into the same person.
SELECT m.detainee_id, m.into_id, m.undone_at, d.merged_into AS into_merged_into,
    (
        SELECT l.id FROM merges l WHERE l.into_id = m.into_id AND l.undone_at IS NULL
        ORDER BY l.id DESC LIMIT 1
    ) AS last_id
FROM merges m JOIN detainees d ON d.id = m.into_id
WHERE m.id = %(id)s
