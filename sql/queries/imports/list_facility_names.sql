-- Lists the names of facilities that need a decision, each with its rows that are not skipped.
-- `public_rows` are those of people who are neither hidden nor become so.
SELECT r.content ->> 'facility' AS name, count(*) AS rows,
    count(*) FILTER (WHERE 'minor' NOT IN (
        coalesce(r.content #>> '{detainee,age_group}', ''),
        coalesce(e.content #>> '{detainee,age_group}', '')
    ) AND is_hidden(d.age_group, d.withheld) IS NOT TRUE) AS public_rows
FROM import_rows r
LEFT JOIN LATERAL (
    -- OFFSET 0: look up each row, even if the table was small when the query was planned.
    SELECT o.content, o.detainee_id FROM import_rows o
    WHERE o.import_id = r.import_id AND o.row = r.same_as_row
    OFFSET 0
) e ON true
LEFT JOIN detainees d ON d.id = coalesce(r.detainee_id, e.detainee_id)
WHERE r.import_id = %(import_id)s AND r.content ? 'facility'
    AND r.outcome <> 'invalid' AND r.decision IS DISTINCT FROM 'skip'
GROUP BY r.content ->> 'facility'
ORDER BY min(r.row)
