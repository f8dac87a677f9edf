-- Lists the names of facilities that need a decision, each with its rows that are not skipped.
SELECT r.content ->> 'facility' AS name, count(*) AS rows
FROM import_rows r
WHERE r.import_id = %(import_id)s AND r.content ? 'facility'
    AND r.outcome <> 'invalid' AND r.decision IS DISTINCT FROM 'skip'
GROUP BY r.content ->> 'facility'
ORDER BY min(r.row)
