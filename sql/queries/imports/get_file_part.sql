-- A part of a case that was previewed.
SELECT f.content FROM import_files f WHERE f.import_id = %(import_id)s AND f.part = %(part)s
