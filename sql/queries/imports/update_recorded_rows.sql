-- What an applied list says is recorded: its own words, names among them, are not kept.
WITH forgotten AS (
    UPDATE import_rows SET content = NULL WHERE import_id = %(import_id)s
), filed AS (
    DELETE FROM import_files WHERE import_id = %(import_id)s
)
DELETE FROM import_keys WHERE import_id = %(import_id)s
