-- The people who were recorded before spellings were kept: all, or none.
SELECT d.id, d.name, d.aliases FROM detainees d
WHERE d.merged_into IS NULL AND NOT EXISTS (SELECT FROM detainee_spellings)
