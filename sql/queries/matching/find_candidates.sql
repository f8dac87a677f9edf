-- Finds, for each name, the people who share the rarest name keys or have the same external id.
-- Of a key that very many people share only some are read, and as many again of those born in each
-- given period. Hidden people are read apart: the public finds what it would find without them.
WITH visible AS (
    SELECT false AS hidden UNION ALL SELECT true WHERE %(sees_hidden)s
), given AS MATERIALIZED (
    SELECT %(items)s::integer[] AS items, %(weights)s::real[] AS weights
        , %(born_items)s::integer[] AS born_items, %(born_weights)s::real[] AS born_weights -- if born_items
        , %(born_from)s::date[] AS born_from, %(born_until)s::date[] AS born_until -- if born_items
), held AS (
    -- Each key is looked up once for all items: those from `first` to `last` of the lists of items.
    SELECT k.name_key, v.hidden, s.ids, s.birth_date, s.many, k.first, k.last
        , k.born_first, k.born_last -- if born_items
    FROM unnest(%(name_keys)s::text[], %(firsts)s::integer[], %(lasts)s::integer[]
        , %(born_firsts)s::integer[], %(born_lasts)s::integer[] -- if born_items
        ) AS k (name_key, first, last
        , born_first, born_last -- if born_items
        )
    CROSS JOIN visible v
    CROSS JOIN LATERAL (
        SELECT array_agg(r.detainee_id) AS ids, array_agg(r.birth_date) AS birth_date, count(*) AS many
        FROM (
            SELECT d.detainee_id, d.birth_date FROM name_keys d
            WHERE d.name_key = k.name_key AND d.hidden = v.hidden
            ORDER BY d.birth_date, d.detainee_id LIMIT %(most_of_key)s
        ) r
    ) s
    WHERE s.many > 0
), shared AS (
    SELECT a.item, s.detainee_id, a.weight
    FROM held h
    CROSS JOIN given g
    CROSS JOIN LATERAL unnest(g.items[h.first:h.last], g.weights[h.first:h.last])
        AS a (item, weight)
    CROSS JOIN LATERAL unnest(h.ids) AS s (detainee_id)
    UNION ALL -- if born_items
    SELECT a.item, s.detainee_id, a.weight -- if born_items
    FROM held h -- if born_items
    CROSS JOIN given g -- if born_items
    CROSS JOIN LATERAL unnest( -- if born_items
        g.born_items[h.born_first:h.born_last], -- if born_items
        g.born_weights[h.born_first:h.born_last], -- if born_items
        g.born_from[h.born_first:h.born_last], -- if born_items
        g.born_until[h.born_first:h.born_last] -- if born_items
    ) AS a (item, weight, born_from, born_until) -- if born_items
    CROSS JOIN LATERAL ( -- if born_items
        SELECT u.detainee_id FROM unnest(h.ids, h.birth_date) AS u (detainee_id, birth_date) -- if born_items
        WHERE h.many < %(most_of_key)s -- if born_items
            AND u.birth_date BETWEEN a.born_from AND a.born_until -- if born_items
        UNION ALL -- if born_items
        SELECT r.detainee_id FROM ( -- if born_items
            SELECT d.detainee_id FROM name_keys d -- if born_items
            WHERE h.many >= %(most_of_key)s -- if born_items
                AND d.name_key = h.name_key AND d.hidden = h.hidden -- if born_items
                AND d.birth_date BETWEEN a.born_from AND a.born_until -- if born_items
            ORDER BY d.birth_date, d.detainee_id LIMIT %(most_of_key)s -- if born_items
        ) r -- if born_items
    ) s -- if born_items
), weighed AS (
    SELECT s.item, s.detainee_id, sum(s.weight) AS weight FROM shared s
    GROUP BY s.item, s.detainee_id
), likeliest AS (
    SELECT w.item, w.detainee_id,
        row_number() OVER (PARTITION BY w.item ORDER BY w.weight DESC, w.detainee_id) AS place
    FROM weighed w
), found AS (
    SELECT l.item, l.detainee_id FROM likeliest l WHERE l.place <= %(most)s
    UNION -- if external_ids
    SELECT i.item, d.id -- if external_ids
    FROM unnest(%(identified)s::integer[], %(external_ids)s::text[]) -- if external_ids
        AS i (item, external_id) -- if external_ids
    CROSS JOIN LATERAL ( -- if external_ids
        SELECT p.id FROM detainees p -- if external_ids
        WHERE p.external_ids @> jsonb_build_array(i.external_id::jsonb) -- if external_ids
            AND (NOT is_hidden(p.age_group, p.withheld) OR %(sees_hidden)s) -- if external_ids
            AND p.merged_into IS NULL -- if external_ids
        LIMIT 50 -- if external_ids
    ) d -- if external_ids
)
SELECT f.item, d.id, d.is_named, d.name, d.aliases
    , d.birth_date::text AS birth_date, d.nationalities, d.sex, d.external_ids -- if external_ids
    , t.facility_id::text AS facility_id, t.detained_on -- if external_ids
FROM found f
CROSS JOIN LATERAL (
    -- OFFSET 0: look up each person, whatever size the planner expects of the rest.
    SELECT p.id, p.is_named, p.name, p.aliases, p.birth_date, p.nationalities, p.sex, p.external_ids
    FROM visible_detainees(%(sees_hidden)s) p
    WHERE p.id = f.detainee_id AND (p.is_named OR %(sees_hidden)s)
    OFFSET 0
) d
LEFT JOIN LATERAL ( -- if external_ids
    SELECT o.facility_id, o.detained_on FROM detentions o -- if external_ids
    WHERE o.detainee_id = d.id -- if external_ids
    ORDER BY o.began_on DESC, o.created_at DESC, o.id DESC LIMIT 1 -- if external_ids
) t ON true -- if external_ids
ORDER BY f.item, d.id
