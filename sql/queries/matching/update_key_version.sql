-- Updates the version of the rules that made the name keys.
INSERT INTO name_key_version (sha256) VALUES (%(sha256)s)
ON CONFLICT (is_only_row) DO UPDATE SET sha256 = excluded.sha256
