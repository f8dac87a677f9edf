-- The keys of spelling of everybody were made by these rules.
INSERT INTO spelling_rules (sha256) VALUES (%(sha256)s)
ON CONFLICT (one_row) DO UPDATE SET sha256 = excluded.sha256
