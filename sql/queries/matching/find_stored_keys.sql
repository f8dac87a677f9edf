-- Finds which of some name keys the people have whom the caller may see.
SELECT a.name_key
FROM unnest(%(name_keys)s::text[]) a (name_key)
CROSS JOIN (SELECT false UNION ALL SELECT true WHERE %(sees_hidden)s) h (hidden)
CROSS JOIN LATERAL (
    SELECT FROM name_keys s WHERE s.name_key = a.name_key AND s.hidden = h.hidden LIMIT 1
) d
