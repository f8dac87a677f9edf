-- A part of a case that is previewed, to be entered when that is applied.
INSERT INTO import_files (import_id, part, content)
VALUES (%(import_id)s, %(part)s, %(content)s)
