-- A new key, by its prefix and its hash.
INSERT INTO api_keys (name, scope, prefix, hash, valid_until)
VALUES (%(name)s, %(scope)s, %(prefix)s, %(hash)s, %(valid_until)s)
RETURNING id
