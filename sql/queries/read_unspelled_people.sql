-- The people who were recorded before spellings were kept: all, or none.
SELECT d.id, d.name, d.aliases FROM detainees d
WHERE NOT EXISTS (SELECT FROM detainee_spellings)
