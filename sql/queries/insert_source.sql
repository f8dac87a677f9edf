-- A new source.
INSERT INTO sources (id, name, kind, country, url)
VALUES (coalesce(%(id)s::uuid, uuidv7()), %(name)s, %(kind)s, %(country)s, %(url)s)
RETURNING id
