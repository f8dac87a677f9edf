-- Gets a split, its state, the distinction of the two people, and a merge or split of the new person
-- that is not undone.
SELECT s.detainee_id, s.new_detainee_id, s.undone_at,
    (
        SELECT x.id FROM distinctions x
        WHERE least(x.detainee_id, x.distinct_from_id) = least(s.detainee_id, s.new_detainee_id)
            AND greatest(x.detainee_id, x.distinct_from_id)
                = greatest(s.detainee_id, s.new_detainee_id)
            AND x.withdrawn_at IS NULL
    ) AS distinction_id,
    (
        SELECT l.path
        FROM (
            SELECT 'merges/' || m.id AS path FROM merges m
            WHERE m.into_id = s.new_detainee_id AND m.undone_at IS NULL
            UNION ALL
            SELECT 'splits/' || o.id FROM splits o
            WHERE o.detainee_id = s.new_detainee_id AND o.undone_at IS NULL
        ) l
        LIMIT 1
    ) AS later
FROM splits s
WHERE s.id = %(id)s
