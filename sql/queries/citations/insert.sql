-- Inserts a citation, unless the same answer is pinned already.
INSERT INTO citations (id, url, sha256)
VALUES (%(id)s, %(url)s, %(sha256)s)
ON CONFLICT (url, sha256) DO NOTHING
