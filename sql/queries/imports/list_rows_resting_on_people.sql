-- Lists the rows of an import whose preview depends on one of these people.
SELECT r.row, p.id AS detainee_id
FROM import_rows r CROSS JOIN unnest(%(people)s::uuid[]) AS p (id)
WHERE r.import_id = %(import_id)s AND (r.detainee_id = p.id OR p.id = ANY (r.candidate_ids))
ORDER BY r.row, p.id
LIMIT %(limit)s
