-- Lists the next visible people, in the order of ids, who have one of several name keys.
WITH next AS (
    SELECT DISTINCT p.detainee_id
    FROM unnest(%(name_keys)s::text[]) k (name_key)
    CROSS JOIN (SELECT false UNION ALL SELECT true WHERE %(sees_hidden)s) h (hidden)
    CROSS JOIN LATERAL (
        SELECT n.detainee_id FROM name_keys n
        WHERE n.name_key = k.name_key AND n.hidden = h.hidden AND n.detainee_id > %(after)s
        ORDER BY n.detainee_id LIMIT %(max_people)s
    ) p
    ORDER BY p.detainee_id LIMIT %(max_people)s
)
SELECT d.id, d.name, d.aliases
FROM next n
CROSS JOIN LATERAL (
    -- OFFSET 0: look up each person, whatever number of rows the planner expects.
    SELECT p.id, p.name, p.aliases FROM visible_detainees(%(sees_hidden)s) p
    WHERE p.id = n.detainee_id AND (p.is_named OR %(sees_hidden)s)
    OFFSET 0
) d
ORDER BY d.id
