-- Updates the rows of an applied case file with their records.
UPDATE import_rows r SET
    record_id = p.record_id,
    detainee_id = CASE WHEN r.resource = 'detainee' THEN p.record_id END
FROM unnest(%(rows)s::integer[], %(records)s::uuid[]) AS p (row, record_id)
WHERE r.import_id = %(import_id)s AND r.row = p.row
