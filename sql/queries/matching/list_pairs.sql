-- Lists people in the order of ids, each with the candidates for a duplicate that have a higher id.
-- The two share a name key, a name key and a birth date, or an external id, each of which at most
-- `max_per_key` people have. The evidence is the rarity of the rarest key in natural logarithms, and half
-- of one for each key; a whole name adds 4, a birth date adds 14, and subtracts 12 if the two are more
-- than a year apart; an external id is as rare as 14. These weights were chosen by trial on two invented
-- stores, of 3,000 and 30,000 people; they are no estimates. The least evidence is that of one key that
-- nobody else has. Of 5,000 people it leaves 2,700 pairs of 36,000, and all true ones; one in ten of the
-- others is possible, with a score of 0.55 on average.
-- Keys that begin with ^ are for a search of Korean names: no evidence.
-- `pairs_before` is the number of candidates of the people before.
WITH people AS (
    SELECT d.id, coalesce(d.birth_date, '-infinity') AS birth_date, d.external_ids
    FROM detainees d
    WHERE d.merged_into IS NULL AND d.id > %(after)s
    ORDER BY d.id
    LIMIT %(max_records)s
), sharing AS (
    SELECT p.id, p.birth_date, s.ids, s.birth_dates, -ln(cardinality(s.ids)) AS rarity,
        starts_with(k.name_key, '=') AS is_whole_name
    FROM people p
    CROSS JOIN LATERAL (
        SELECT k.name_key FROM name_keys k
        WHERE k.detainee_id = p.id AND NOT starts_with(k.name_key, '^')
        OFFSET 0
    ) k
    CROSS JOIN LATERAL (
        SELECT array_agg(o.detainee_id) AS ids, array_agg(o.birth_date) AS birth_dates
        FROM (
            SELECT o.detainee_id, o.birth_date FROM name_keys o
            WHERE o.name_key = k.name_key
            -- In the order of the index, which the planner would leave for a LIMIT.
            ORDER BY o.hidden, o.detainee_id
            LIMIT %(max_per_key)s + 1
        ) o
    ) s
    UNION ALL
    SELECT p.id, p.birth_date, s.ids, s.birth_dates, -ln(cardinality(s.ids)),
        starts_with(k.name_key, '=')
    FROM people p
    CROSS JOIN LATERAL (
        SELECT k.name_key, k.birth_date FROM name_keys k
        WHERE k.detainee_id = p.id AND NOT starts_with(k.name_key, '^')
            AND k.birth_date > '-infinity'
        OFFSET 0
    ) k
    CROSS JOIN LATERAL (
        SELECT array_agg(o.detainee_id) AS ids, array_agg(o.birth_date) AS birth_dates
        FROM (
            SELECT o.detainee_id, o.birth_date FROM name_keys o
            WHERE o.name_key = k.name_key
                AND o.hidden IN (false, true)
                AND o.birth_date = k.birth_date AND o.birth_date > '-infinity'
            ORDER BY o.hidden, o.birth_date, o.detainee_id
            LIMIT %(max_per_key)s + 1
        ) o
    ) s
    UNION ALL
    SELECT p.id, p.birth_date, s.ids, s.birth_dates, 14, false
    FROM people p
    CROSS JOIN LATERAL unnest(external_id_keys(p.external_ids)) e (id_key)
    CROSS JOIN LATERAL (
        -- Not a LIMIT, for which the planner would scan the table.
        SELECT array_agg(o.id) AS ids, array_agg(coalesce(o.birth_date, '-infinity')) AS birth_dates
        FROM detainees o
        WHERE indexed_id_keys(o.external_ids, is_hidden(o.age_group, o.withheld))
                && known_id_keys(e.id_key, true)
            AND o.merged_into IS NULL
    ) s
    WHERE p.external_ids <> '[]'
), pairs AS (
    SELECT s.id, o.id AS candidate_id
    FROM sharing s
    CROSS JOIN LATERAL unnest(s.ids, s.birth_dates) o (id, birth_date)
    WHERE cardinality(s.ids) <= %(max_per_key)s AND o.id > s.id
    GROUP BY s.id, s.birth_date, o.id, o.birth_date
    HAVING max(s.rarity) + count(*) / 2.0 + CASE WHEN bool_or(s.is_whole_name) THEN 4 ELSE 0 END
        + CASE
            WHEN s.birth_date = '-infinity' OR o.birth_date = '-infinity' THEN 0
            WHEN s.birth_date = o.birth_date THEN 14
            WHEN abs(s.birth_date - o.birth_date) > 366 THEN -12
            ELSE 0
        END >= 0.5 - ln(2)
), candidates AS (
    SELECT p.id, array_agg(p.candidate_id) AS candidate_ids FROM pairs p GROUP BY p.id
)
SELECT p.id, coalesce(c.candidate_ids, '{}') AS candidate_ids,
    sum(coalesce(cardinality(c.candidate_ids), 0)) OVER (ORDER BY p.id)
        - coalesce(cardinality(c.candidate_ids), 0) AS pairs_before
FROM people p LEFT JOIN candidates c ON c.id = p.id
ORDER BY p.id
