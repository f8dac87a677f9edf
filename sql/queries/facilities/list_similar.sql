-- Lists a facility and all of its country that share a key with it, in order of creation.
-- A key of more than `max_facilities` facilities distinguishes nothing and is ignored.
WITH sharing AS (
    SELECT %(id)s::uuid AS id
    UNION
    SELECT o.id
    FROM facility_keys k
    CROSS JOIN LATERAL (
        SELECT array_agg(c.facility_id) AS ids
        FROM (
            SELECT c.facility_id FROM facility_keys c
            WHERE c.key = k.key
            ORDER BY c.facility_id -- as in sources/list_similar
            LIMIT %(max_facilities)s + 1
        ) c
    ) c
    CROSS JOIN LATERAL unnest(c.ids) o (id)
    WHERE k.facility_id = %(id)s AND cardinality(c.ids) <= %(max_facilities)s
)
SELECT f.id, f.name, f.aliases
FROM sharing s
JOIN facilities f ON f.id = s.id
WHERE f.country = (SELECT n.country FROM facilities n WHERE n.id = %(id)s)
ORDER BY f.created_at, f.id
