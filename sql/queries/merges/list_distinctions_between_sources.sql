-- Lists the distinctions between some sources, or between their merged duplicates.
WITH parts AS (
    SELECT i.id, i.id AS of_id FROM unnest(%(ids)s::uuid[]) i (id)
    UNION ALL
    SELECT s.id, s.merged_into FROM sources s WHERE s.merged_into = ANY (%(ids)s)
)
SELECT DISTINCT least(a.of_id, b.of_id) AS first_id, greatest(a.of_id, b.of_id) AS second_id
FROM parts a
JOIN distinctions x ON x.source_id = a.id
JOIN parts b ON b.id = x.distinct_from_source_id
WHERE x.withdrawn_at IS NULL AND a.of_id <> b.of_id
