-- Lists the candidates for duplicate sources, first those of one name, then those with rare keys.
-- A key of more than `max_sources` sources distinguishes nothing and is ignored. The keys of a merged
-- duplicate are those of the surviving source. Pairs that were recorded as distinct are left out.
WITH keys AS (
    SELECT array_agg(DISTINCT coalesce(s.merged_into, s.id)) AS ids,
        starts_with(k.key, '= ') AS is_name
    FROM source_keys k JOIN sources s ON s.id = k.source_id
    GROUP BY k.key
    HAVING count(*) BETWEEN 2 AND %(max_sources)s
), pairs AS (
    SELECT a.id AS first_id, b.id AS second_id, bool_or(k.is_name) AS is_name,
        sum(1.0 / cardinality(k.ids)) AS rarity
    FROM keys k
    CROSS JOIN LATERAL unnest(k.ids) a (id)
    CROSS JOIN LATERAL unnest(k.ids) b (id)
    WHERE a.id < b.id
    GROUP BY a.id, b.id
), distinct_pairs AS (
    SELECT coalesce(a.merged_into, a.id) AS first_id, coalesce(b.merged_into, b.id) AS second_id
    FROM distinctions x
    JOIN sources a ON a.id = x.source_id
    JOIN sources b ON b.id = x.distinct_from_source_id
    WHERE x.withdrawn_at IS NULL
)
SELECT p.first_id, p.second_id
FROM pairs p
WHERE NOT EXISTS (
    SELECT FROM distinct_pairs x
    WHERE least(x.first_id, x.second_id) = p.first_id
        AND greatest(x.first_id, x.second_id) = p.second_id
)
ORDER BY p.is_name DESC, p.rarity DESC, p.first_id, p.second_id
LIMIT %(max_pairs)s
