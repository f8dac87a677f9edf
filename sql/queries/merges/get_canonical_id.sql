-- Gets the surviving record of a merged duplicate, now or at a moment of record time.
-- Follows merged_into as often as necessary.
WITH RECURSIVE chain (id, length) AS (
    SELECT %(id)s::uuid, 0
    UNION ALL
    SELECT m.merged_into, c.length + 1
    FROM chain c CROSS JOIN LATERAL (
        SELECT d.merged_into FROM detainees d -- unless recorded_as_of
        WHERE d.id = c.id AND %(resource)s = 'detainee' -- unless recorded_as_of
        UNION ALL -- unless recorded_as_of
        SELECT t.merged_into FROM detentions t -- unless recorded_as_of
        WHERE t.id = c.id AND %(resource)s = 'detention' -- unless recorded_as_of
        UNION ALL -- unless recorded_as_of
        SELECT e.merged_into FROM release_events e -- unless recorded_as_of
        WHERE e.id = c.id AND %(resource)s = 'release_event' -- unless recorded_as_of
        SELECT (l.entry ->> 'merged_into')::uuid AS merged_into -- if recorded_as_of
        FROM ( -- if recorded_as_of
            SELECT r.entry FROM ledger r -- if recorded_as_of
            WHERE r.resource_id = c.id AND r.resource = %(resource)s -- if recorded_as_of
                AND r.recorded_at <= %(recorded_as_of)s -- if recorded_as_of
            ORDER BY r.seq DESC LIMIT 1 -- if recorded_as_of
        ) l -- if recorded_as_of
    ) m
    WHERE m.merged_into IS NOT NULL
)
SELECT c.id FROM chain c WHERE c.length > 0 ORDER BY c.length DESC LIMIT 1
