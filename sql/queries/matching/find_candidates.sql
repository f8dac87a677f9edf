-- Finds, for each of several people, those who share the weightiest name keys or an external id.
-- At most max_per_key people are read of each key, and as many again who were born in the period of an
-- item, which adds to the weight. Hidden people have their own limit, so that they do not change the
-- results for the public.
WITH items AS MATERIALIZED (
    SELECT %(items)s::integer[] AS items, %(weights)s::real[] AS weights,
        %(born_items)s::integer[] AS born_items, %(born_weights)s::real[] AS born_weights,
        %(born_from)s::date[] AS born_from, %(born_until)s::date[] AS born_until
), keys AS (
    -- Each key is looked up once for all its items, which are at `first` to `last` of the arrays.
    SELECT k.name_key, v.hidden, s.ids, s.birth_dates, s.people, k.first, k.last, k.born_first,
        k.born_last
    FROM unnest(
        %(name_keys)s::text[], %(firsts)s::integer[], %(lasts)s::integer[],
        %(born_firsts)s::integer[], %(born_lasts)s::integer[]
    ) AS k (name_key, first, last, born_first, born_last)
    CROSS JOIN (SELECT false AS hidden UNION ALL SELECT true WHERE %(sees_hidden)s) v
    CROSS JOIN LATERAL (
        SELECT array_agg(p.detainee_id) AS ids, array_agg(p.birth_date) AS birth_dates,
            count(*) AS people
        FROM people_with_name_key(k.name_key, v.hidden, %(max_per_key)s) p
    ) s
    WHERE s.people > 0
), shared AS (
    SELECT i.item, p.detainee_id, i.weight
    FROM keys k CROSS JOIN items a
    CROSS JOIN LATERAL unnest(a.items[k.first:k.last], a.weights[k.first:k.last])
        AS i (item, weight)
    CROSS JOIN LATERAL unnest(k.ids) AS p (detainee_id)
    UNION ALL
    SELECT i.item, p.detainee_id, i.weight
    FROM keys k CROSS JOIN items a
    CROSS JOIN LATERAL unnest(
        a.born_items[k.born_first:k.born_last], a.born_weights[k.born_first:k.born_last],
        a.born_from[k.born_first:k.born_last], a.born_until[k.born_first:k.born_last]
    ) AS i (item, weight, born_from, born_until)
    CROSS JOIN LATERAL (
        -- Select among the people of the key if all were read, else read those of the period.
        SELECT r.detainee_id FROM unnest(k.ids, k.birth_dates) AS r (detainee_id, birth_date)
        WHERE k.people < %(max_per_key)s AND r.birth_date BETWEEN i.born_from AND i.born_until
        UNION ALL
        SELECT r.detainee_id FROM (
            SELECT n.detainee_id FROM name_keys n
            WHERE k.people >= %(max_per_key)s AND n.name_key = k.name_key AND n.hidden = k.hidden
                AND n.birth_date BETWEEN i.born_from AND i.born_until
                AND n.birth_date > '-infinity'
            ORDER BY n.birth_date, n.detainee_id LIMIT %(max_per_key)s
        ) r
    ) p
), ranked AS (
    SELECT s.item, s.detainee_id, row_number() OVER (
        PARTITION BY s.item ORDER BY sum(s.weight) DESC, s.detainee_id
    ) AS rank
    FROM shared s
    GROUP BY s.item, s.detainee_id
), candidates AS (
    SELECT r.item, r.detainee_id FROM ranked r WHERE r.rank <= %(max_people)s
    UNION
    SELECT i.item, d.id
    FROM unnest(%(identified)s::integer[], %(external_ids)s::text[]) AS i (item, external_id)
    CROSS JOIN LATERAL (
        SELECT p.id FROM detainees p
        WHERE p.external_ids @> jsonb_build_array(i.external_id::jsonb)
            AND (NOT is_hidden(p.age_group, p.withheld) OR %(sees_hidden)s)
            AND p.merged_into IS NULL
        LIMIT 50
    ) d
)
SELECT c.item, d.id, d.is_named, d.name, d.aliases, d.birth_date::text AS birth_date,
    d.nationalities, d.sex, d.external_ids, t.facility_id::text AS facility_id, t.detained_on
FROM candidates c
CROSS JOIN LATERAL (
    -- OFFSET 0: look up each person, whatever number of rows the planner expects.
    SELECT p.id, p.is_named, p.name, p.aliases, p.birth_date, p.nationalities, p.sex, p.external_ids
    FROM visible_detainees(%(sees_hidden)s) p
    WHERE p.id = c.detainee_id AND (p.is_named OR %(sees_hidden)s)
    OFFSET 0
) d
LEFT JOIN LATERAL latest_detention(d.id) t ON true
ORDER BY c.item, d.id
