-- Lists the sources that a source is recorded as distinct from, by themselves or as duplicates.
SELECT x.id AS distinction_id, coalesce(o.merged_into, o.id) AS distinct_from_id
FROM (
    SELECT s.id FROM sources s WHERE s.id = %(id)s
    UNION ALL
    SELECT s.id FROM sources s WHERE s.merged_into = %(id)s
) s
CROSS JOIN LATERAL (
    SELECT x.id, x.distinct_from_source_id AS distinct_from_id
    FROM distinctions x
    WHERE x.source_id = s.id AND x.withdrawn_at IS NULL
    UNION ALL
    SELECT x.id, x.source_id
    FROM distinctions x
    WHERE x.distinct_from_source_id = s.id AND x.withdrawn_at IS NULL
) x
JOIN sources o ON o.id = x.distinct_from_id
