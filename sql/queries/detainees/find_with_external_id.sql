-- Finds the people with one of these external ids whose names the caller may see.
-- `place` is that of the external id in the list; the person with `id` is left out.
SELECT i.place, d.id
FROM unnest(%(external_ids)s::text[]) WITH ORDINALITY i (external_id, place)
CROSS JOIN LATERAL (
    SELECT p.id FROM detainees p
    WHERE p.external_ids @> jsonb_build_array(i.external_id::jsonb)
        AND p.merged_into IS NULL
        AND p.id <> %(id)s -- if id
        AND (NOT is_hidden(p.age_group, p.withheld) OR %(sees_hidden)s)
    OFFSET 0
) d
ORDER BY i.place, d.id
