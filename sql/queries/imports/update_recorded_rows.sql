-- Updates the rows of an applied import: deletes their content, keys and file, which have names.
WITH emptied AS (
    UPDATE import_rows SET content = NULL WHERE import_id = %(import_id)s
), deleted_files AS (
    DELETE FROM import_files WHERE import_id = %(import_id)s
)
DELETE FROM import_keys WHERE import_id = %(import_id)s
