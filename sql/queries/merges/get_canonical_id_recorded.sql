-- Gets the surviving record of a duplicate that was merged by a moment of record time.
-- Follows merged_into to its end.
WITH RECURSIVE chain (id, length) AS (
    SELECT %(id)s::uuid, 0
    UNION ALL
    SELECT (l.entry ->> 'merged_into')::uuid, c.length + 1
    FROM chain c CROSS JOIN LATERAL (
        SELECT r.entry FROM ledger r
        WHERE r.resource_id = c.id AND r.resource = %(resource)s
            AND r.recorded_at <= %(recorded_as_of)s
        ORDER BY r.seq DESC LIMIT 1
    ) l
    WHERE l.entry ->> 'merged_into' IS NOT NULL
)
SELECT c.id FROM chain c WHERE c.length > 0 ORDER BY c.length DESC LIMIT 1
