-- A new key, by its hash.
INSERT INTO keys (name, scope, hash) VALUES (%(name)s, %(scope)s, %(hash)s) RETURNING id
