-- Lists sources in the order of ids, each with the candidates for a duplicate that have a higher id.
-- A key of more than `max_per_key` sources distinguishes nothing and is ignored. The keys of a merged
-- duplicate are those of the surviving source. `pairs_before` is the number of candidates of the sources
-- before.
WITH sources_of_block AS (
    SELECT s.id
    FROM sources s
    WHERE s.merged_into IS NULL AND s.id > %(after)s
    ORDER BY s.id
    LIMIT %(max_records)s
), keys AS (
    SELECT DISTINCT s.id, k.key
    FROM sources_of_block s
    CROSS JOIN LATERAL (
        SELECT s.id AS part_id
        UNION ALL
        SELECT m.id FROM sources m WHERE m.merged_into = s.id
    ) m
    CROSS JOIN LATERAL (
        SELECT k.key FROM source_keys k WHERE k.source_id = m.part_id OFFSET 0
    ) k
), sharing AS (
    SELECT k.id, c.ids
    FROM keys k
    CROSS JOIN LATERAL (
        SELECT array_agg(c.source_id) AS ids
        FROM (
            SELECT c.source_id FROM source_keys c
            WHERE c.key = k.key
            LIMIT %(max_per_key)s + 1
        ) c
    ) c
), pairs AS (
    SELECT s.id, array_agg(DISTINCT coalesce(o.merged_into, o.id)) AS candidate_ids
    FROM sharing s
    CROSS JOIN LATERAL unnest(s.ids) i (id)
    CROSS JOIN LATERAL (
        SELECT o.id, o.merged_into FROM sources o WHERE o.id = i.id OFFSET 0
    ) o
    WHERE cardinality(s.ids) <= %(max_per_key)s AND coalesce(o.merged_into, o.id) > s.id
    GROUP BY s.id
)
SELECT s.id, coalesce(p.candidate_ids, '{}') AS candidate_ids,
    sum(coalesce(cardinality(p.candidate_ids), 0)) OVER (ORDER BY s.id)
        - coalesce(cardinality(p.candidate_ids), 0) AS pairs_before
FROM sources_of_block s LEFT JOIN pairs p ON p.id = s.id
ORDER BY s.id
