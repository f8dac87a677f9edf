-- Records the rules by which the keys of people, sources or facilities were made.
INSERT INTO key_versions (resource, sha256) VALUES (%(resource)s, %(sha256)s)
ON CONFLICT (resource) DO UPDATE SET sha256 = excluded.sha256
