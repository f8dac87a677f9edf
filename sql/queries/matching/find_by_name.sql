-- Finds the visible people who share the weightiest name keys with a name.
-- At most max_per_key people are read of each key, and at most max_people returned; if there are more,
-- is_complete is false. Hidden people have their own limit, so that they do not change the results for
-- the public.
WITH keys AS (
    SELECT k.name_key, k.weight, h.hidden
    FROM unnest(%(name_keys)s::text[], %(weights)s::real[]) AS k (name_key, weight)
    CROSS JOIN (SELECT false AS hidden UNION ALL SELECT true WHERE %(sees_hidden)s) h
), likeliest AS (
    SELECT p.detainee_id,
        bool_and(bool_and(p.is_complete)) OVER () AND count(*) OVER () <= %(max_people)s
            AS is_complete
    FROM keys k
    CROSS JOIN LATERAL (
        SELECT s.detainee_id, count(*) OVER () < %(max_per_key)s AS is_complete
        FROM people_with_name_key(k.name_key, k.hidden, %(max_per_key)s) s
    ) p
    GROUP BY p.detainee_id
    ORDER BY sum(k.weight) DESC, p.detainee_id
    LIMIT %(max_people)s
)
SELECT d.id, d.name, d.aliases, l.is_complete
FROM likeliest l
CROSS JOIN LATERAL (
    -- OFFSET 0: look up each person, whatever number of rows the planner expects.
    SELECT p.id, p.name, p.aliases FROM visible_detainees(%(sees_hidden)s) p
    WHERE p.id = l.detainee_id AND (p.is_named OR %(sees_hidden)s)
    OFFSET 0
) d
ORDER BY d.id
