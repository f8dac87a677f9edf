-- Finds the people with external ids, which are given by their keys, for several items.
-- Aggregates the people, because the planner would scan the table for LIMIT.
SELECT i.item, i.id_key, d.people
FROM unnest(%(items)s::integer[], %(id_keys)s::text[]) AS i (item, id_key)
CROSS JOIN LATERAL (
    SELECT array_agg(p.id ORDER BY p.id) AS people FROM detainees p
    WHERE external_id_keys(p.external_ids) @> ARRAY[i.id_key]
        AND p.merged_into IS NULL
        AND (NOT is_hidden(p.age_group, p.withheld) OR %(sees_hidden)s)
) d
WHERE d.people IS NOT NULL
