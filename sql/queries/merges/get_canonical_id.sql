-- Gets the surviving record of a merged duplicate.
-- Follows merged_into to its end.
WITH RECURSIVE chain (id, length) AS (
    SELECT %(id)s::uuid, 0
    UNION ALL
    SELECT m.merged_into, c.length + 1
    FROM chain c CROSS JOIN LATERAL (
        SELECT d.merged_into FROM detainees d
        WHERE d.id = c.id AND %(resource)s = 'detainee'
        UNION ALL
        SELECT s.merged_into FROM sources s
        WHERE s.id = c.id AND %(resource)s = 'source'
        UNION ALL
        SELECT t.merged_into FROM detentions t
        WHERE t.id = c.id AND %(resource)s = 'detention'
        UNION ALL
        SELECT e.merged_into FROM release_events e
        WHERE e.id = c.id AND %(resource)s = 'release_event'
    ) m
    WHERE m.merged_into IS NOT NULL
)
SELECT c.id FROM chain c WHERE c.length > 0 ORDER BY c.length DESC LIMIT 1
