-- Updates rows of an import with the people that they created.
UPDATE import_rows r SET detainee_id = p.detainee_id
FROM unnest(%(rows)s::integer[], %(people)s::uuid[]) AS p (row, detainee_id)
WHERE r.import_id = %(import_id)s AND r.row = p.row
