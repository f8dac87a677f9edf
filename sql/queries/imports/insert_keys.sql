-- Inserts the name keys and external ids of rows, hashed.
INSERT INTO import_keys (import_id, key_hash, row)
SELECT DISTINCT %(import_id)s::uuid, hashtextextended(k.key, 0), k.row
FROM unnest(%(rows)s::integer[], %(keys)s::text[]) AS k (row, key)
