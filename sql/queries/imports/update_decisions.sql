-- Updates the decisions on rows of an import: the person of each row, or another row of the same person.
UPDATE import_rows r SET
    decision = d.decision, detainee_id = d.detainee_id, same_as_row = d.same_as_row
FROM jsonb_to_recordset(%(decisions)s)
    AS d (row integer, decision text, detainee_id uuid, same_as_row integer)
WHERE r.import_id = %(import_id)s AND r.row = d.row
