-- Updates the rows of an applied import, without their content, which has names.
WITH forgotten AS (
    UPDATE import_rows SET content = NULL WHERE import_id = %(import_id)s
), filed AS (
    DELETE FROM import_files WHERE import_id = %(import_id)s
)
DELETE FROM import_keys WHERE import_id = %(import_id)s
