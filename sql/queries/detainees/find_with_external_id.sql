-- Finds the people with one of these external ids whose names the caller may see.
-- The ids are given by their keys; `number` is that of the key, from 1. The person with `id` is left
-- out.
SELECT i.number, d.id
FROM unnest(%(id_keys)s::text[]) WITH ORDINALITY i (id_key, number)
CROSS JOIN LATERAL (
    SELECT p.id FROM detainees p
    WHERE indexed_id_keys(p.external_ids, is_hidden(p.age_group, p.withheld))
            && known_id_keys(i.id_key, %(sees_hidden)s)
        AND p.merged_into IS NULL
        AND p.id <> %(id)s -- if id
    OFFSET 0
) d
ORDER BY i.number, d.id
