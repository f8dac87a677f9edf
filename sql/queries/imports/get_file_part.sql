-- Gets a part of a previewed case file.
SELECT f.content FROM import_files f WHERE f.import_id = %(import_id)s AND f.part = %(part)s
