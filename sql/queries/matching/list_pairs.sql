-- Lists the candidates for duplicate people, those with the strongest evidence first.
-- The two share a name key, a name key and a birth date, or an external id, each of which at most
-- `max_per_key` people have. Pairs that were recorded as distinct, by themselves or as duplicates, are
-- left out. The evidence is the rarity of the rarest key in natural logarithms, and half of one for
-- each key; a whole name adds 4, a birth date adds 14, and subtracts 12 if the two are more than a year
-- apart; an external id is as rare as 14. These weights were chosen by trial on two invented stores, of
-- 3,000 and 30,000 people; they are no estimates. They decide only which pairs are compared.
WITH RECURSIVE keys AS (
    SELECT array_agg(k.detainee_id) AS ids, array_agg(k.birth_date) AS birth_dates,
        -ln(count(*)) AS rarity, starts_with(k.name_key, '=') AS is_whole_name
    FROM name_keys k
    GROUP BY k.name_key
    HAVING count(*) BETWEEN 2 AND %(max_per_key)s
    UNION ALL
    SELECT array_agg(k.detainee_id), array_agg(k.birth_date), -ln(count(*)),
        starts_with(k.name_key, '=')
    FROM name_keys k
    WHERE k.birth_date > '-infinity'
    GROUP BY k.name_key, k.birth_date
    HAVING count(*) BETWEEN 2 AND %(max_per_key)s
    UNION ALL
    SELECT array_agg(d.id), array_agg(coalesce(d.birth_date, '-infinity')), 14, false
    FROM detainees d CROSS JOIN LATERAL unnest(external_id_keys(d.external_ids)) e (id_key)
    WHERE d.external_ids <> '[]' AND d.merged_into IS NULL
    GROUP BY e.id_key
    HAVING count(*) BETWEEN 2 AND %(max_per_key)s
), pairs AS (
    SELECT a.id AS first_id, b.id AS second_id,
        max(k.rarity) + count(*) / 2.0 + CASE WHEN bool_or(k.is_whole_name) THEN 4 ELSE 0 END
            + CASE
                WHEN a.birth_date = '-infinity' OR b.birth_date = '-infinity' THEN 0
                WHEN a.birth_date = b.birth_date THEN 14
                WHEN abs(a.birth_date - b.birth_date) > 366 THEN -12
                ELSE 0
            END AS evidence
    FROM keys k
    CROSS JOIN LATERAL unnest(k.ids, k.birth_dates) a (id, birth_date)
    CROSS JOIN LATERAL unnest(k.ids, k.birth_dates) b (id, birth_date)
    WHERE a.id < b.id
    GROUP BY a.id, a.birth_date, b.id, b.birth_date
), distinguished (distinction_id, id) AS (
    SELECT x.id, i.id
    FROM distinctions x
    CROSS JOIN LATERAL (VALUES (x.detainee_id), (x.distinct_from_id)) i (id)
    WHERE x.withdrawn_at IS NULL AND x.detainee_id IS NOT NULL
    UNION
    SELECT i.distinction_id, d.merged_into
    FROM distinguished i JOIN detainees d ON d.id = i.id
    WHERE d.merged_into IS NOT NULL
), distinct_pairs AS (
    SELECT a.id AS first_id, b.id AS second_id
    FROM distinguished a
    JOIN distinguished b ON b.distinction_id = a.distinction_id AND a.id < b.id
)
SELECT p.first_id, p.second_id
FROM pairs p
WHERE NOT EXISTS (
    SELECT FROM distinct_pairs x WHERE x.first_id = p.first_id AND x.second_id = p.second_id
)
ORDER BY p.evidence DESC, p.first_id, p.second_id
LIMIT %(max_pairs)s
