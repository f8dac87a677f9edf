-- Those of these keys of spelling under which somebody is kept whom the caller may see.
SELECT a.spelling
FROM unnest(%(spellings)s::text[]) a (spelling)
CROSS JOIN (SELECT false UNION ALL SELECT true WHERE %(sees_hidden)s) h (hidden)
CROSS JOIN LATERAL (
    SELECT FROM detainee_spellings s WHERE s.spelling = a.spelling AND s.hidden = h.hidden LIMIT 1
) d
