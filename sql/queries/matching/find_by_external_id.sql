-- Finds the person with an external id, if only one has it.
-- Counts the people instead of using LIMIT 2, for which the planner would scan the table.
SELECT i.item, d.id
FROM unnest(%(items)s::integer[], %(external_ids)s::text[]) AS i (item, external_id)
CROSS JOIN LATERAL (
    SELECT (array_agg(p.id))[1] AS id, count(*) AS people FROM detainees p
    WHERE p.external_ids @> jsonb_build_array(i.external_id::jsonb)
        AND p.merged_into IS NULL
        AND (NOT is_hidden(p.age_group, p.withheld) OR %(sees_hidden)s)
) d
WHERE d.people = 1
