-- Inserts an API key by its prefix and hash.
INSERT INTO api_keys (name, scope, prefix, hash, valid_until)
VALUES (%(name)s, %(scope)s, %(prefix)s, %(hash)s, %(valid_until)s)
RETURNING id
