-- The keys by which rows of a list are found: of spelling, and of identifiers.
INSERT INTO import_spellings (import_id, spelling, row)
SELECT DISTINCT %(import_id)s::uuid, hashtextextended(k.spelling, 0), k.row
FROM unnest(%(rows)s::integer[], %(spellings)s::text[]) AS k (row, spelling)
