-- Finds, for each of several people, those who share the weightiest name keys or an external id.
-- At most max_per_key people are read of each key, and as many again who were born in the period of an
-- item, which adds to the weight. Hidden people have their own limit, so that they do not change the
-- results for the public.
WITH items AS MATERIALIZED (
    SELECT %(items)s::integer[] AS items, %(weights)s::real[] AS weights,
        %(max_people)s::integer[] AS max_people,
        -- The periods in which item i may be born are at born_firsts[i + 1] to born_lasts[i + 1].
        %(born_firsts)s::integer[] AS born_firsts, %(born_lasts)s::integer[] AS born_lasts,
        %(born_weights)s::real[] AS born_weights,
        %(born_from)s::date[] AS born_from, %(born_until)s::date[] AS born_until
), keys AS (
    -- Each key is looked up once for all its items, which are at `first` to `last` of the arrays.
    SELECT k.name_key, v.hidden, s.ids, s.birth_dates, s.people, k.first, k.last
    FROM unnest(%(name_keys)s::text[], %(firsts)s::integer[], %(lasts)s::integer[])
        AS k (name_key, first, last)
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
    SELECT i.item, p.detainee_id, i.weight + b.weight
    FROM keys k CROSS JOIN items a
    CROSS JOIN LATERAL unnest(a.items[k.first:k.last], a.weights[k.first:k.last])
        AS i (item, weight)
    CROSS JOIN LATERAL unnest(
        a.born_weights[a.born_firsts[i.item + 1]:a.born_lasts[i.item + 1]],
        a.born_from[a.born_firsts[i.item + 1]:a.born_lasts[i.item + 1]],
        a.born_until[a.born_firsts[i.item + 1]:a.born_lasts[i.item + 1]]
    ) AS b (weight, born_from, born_until)
    CROSS JOIN LATERAL (
        -- Select among the people of the key if all were read, else read those of the period.
        SELECT r.detainee_id FROM unnest(k.ids, k.birth_dates) AS r (detainee_id, birth_date)
        WHERE k.people < %(max_per_key)s AND r.birth_date BETWEEN b.born_from AND b.born_until
        UNION ALL
        SELECT r.detainee_id FROM (
            SELECT n.detainee_id FROM name_keys n
            WHERE k.people >= %(max_per_key)s AND n.name_key = k.name_key AND n.hidden = k.hidden
                AND n.birth_date BETWEEN b.born_from AND b.born_until
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
    SELECT r.item, r.detainee_id FROM ranked r CROSS JOIN items a
    WHERE r.rank <= a.max_people[r.item + 1]
    UNION
    SELECT i.item, d.id
    FROM unnest(%(identified)s::integer[], %(id_keys)s::text[]) AS i (item, id_key)
    CROSS JOIN unnest(known_id_keys(i.id_key, %(sees_hidden)s)) AS k (id_key)
    CROSS JOIN LATERAL (
        SELECT p.id FROM detainees p
        WHERE indexed_id_keys(p.external_ids, is_hidden(p.age_group, p.withheld)) @> ARRAY[k.id_key]
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
