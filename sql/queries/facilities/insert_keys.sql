-- Inserts the keys of a facility's names.
INSERT INTO facility_keys (key, facility_id)
SELECT k.key, %(id)s FROM unnest(%(keys)s::text[]) k (key)
ON CONFLICT DO NOTHING
