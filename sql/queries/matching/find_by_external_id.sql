-- Finds the people with external ids, which are given by their keys, for several items.
-- Aggregates the people, because the planner would scan the table for LIMIT.
SELECT i.item, i.id_key, d.people
FROM unnest(%(items)s::integer[], %(id_keys)s::text[]) AS i (item, id_key)
CROSS JOIN LATERAL (
    SELECT array_agg(p.id ORDER BY p.id) AS people FROM detainees p
    WHERE indexed_id_keys(p.external_ids, is_hidden(p.age_group, p.withheld))
            && known_id_keys(i.id_key, %(sees_hidden)s)
        AND p.merged_into IS NULL
) d
WHERE d.people IS NOT NULL
