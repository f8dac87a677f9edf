-- Inserts the keys of a source's name and address.
INSERT INTO source_keys (key, source_id)
SELECT k.key, %(id)s FROM unnest(%(keys)s::text[]) k (key)
ON CONFLICT DO NOTHING
