-- Inserts a part of a previewed case file.
INSERT INTO import_files (import_id, part, content)
VALUES (%(import_id)s, %(part)s, %(content)s)
