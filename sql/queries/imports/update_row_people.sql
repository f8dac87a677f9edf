-- Updates the people whom rows of an import became.
UPDATE import_rows r SET detainee_id = p.detainee_id
FROM unnest(%(rows)s::integer[], %(people)s::uuid[]) AS p (row, detainee_id)
WHERE r.import_id = %(import_id)s AND r.row = p.row
