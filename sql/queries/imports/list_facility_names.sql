-- Lists the names of facilities that need a decision, each with its rows that are not skipped.
-- `public_rows` are those of people who are neither hidden nor become so by any row.
WITH RECURSIVE listed AS (
    SELECT r.row, r.content ->> 'facility' AS name,
        r.content #>> '{detainee,age_group}' IS NOT DISTINCT FROM 'minor' AS is_minor,
        r.row AS first_row, r.same_as_row, r.detainee_id
    FROM import_rows r
    WHERE r.import_id = %(import_id)s
        AND (r.content ? 'facility' OR r.content #>> '{detainee,age_group}' = 'minor')
        AND r.outcome <> 'invalid' AND r.decision IS DISTINCT FROM 'skip'
    UNION ALL
    SELECT l.row, l.name, l.is_minor, e.first_row, e.same_as_row, e.detainee_id
    FROM listed l
    CROSS JOIN LATERAL (
        -- OFFSET 0: look up each row, even if the table was small when the query was planned.
        SELECT o.row AS first_row, o.same_as_row, o.detainee_id FROM import_rows o
        WHERE o.import_id = %(import_id)s AND o.row = l.same_as_row
        OFFSET 0
    ) e
    WHERE l.detainee_id IS NULL
)
SELECT x.name, count(*) AS rows, count(*) FILTER (WHERE NOT x.is_hidden) AS public_rows
FROM (
    SELECT l.row, l.name,
        is_hidden(d.age_group, d.withheld) IS TRUE OR bool_or(l.is_minor) OVER (
            PARTITION BY l.detainee_id, CASE WHEN l.detainee_id IS NULL THEN l.first_row END
        ) AS is_hidden
    FROM listed l
    LEFT JOIN detainees d ON d.id = l.detainee_id
    WHERE l.detainee_id IS NOT NULL OR l.same_as_row IS NULL
) x
WHERE x.name IS NOT NULL
GROUP BY x.name
ORDER BY min(x.row)
