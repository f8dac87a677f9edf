-- Lists the distinctions between some people, or between their merged duplicates.
WITH RECURSIVE parts (id, of_id) AS (
    SELECT i.id, i.id FROM unnest(%(ids)s::uuid[]) i (id)
    UNION ALL
    SELECT d.id, p.of_id FROM parts p JOIN detainees d ON d.merged_into = p.id
)
SELECT DISTINCT ON (first_id, second_id) least(a.of_id, b.of_id) AS first_id,
    greatest(a.of_id, b.of_id) AS second_id, x.id AS distinction_id
FROM parts a
JOIN distinctions x ON x.detainee_id = a.id
JOIN parts b ON b.id = x.distinct_from_id
WHERE x.withdrawn_at IS NULL AND a.of_id <> b.of_id
ORDER BY first_id, second_id, x.id
