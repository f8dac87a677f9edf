-- Tells whether a written person or detention is of somebody who counts for the disclosure threshold.
SELECT EXISTS (
    SELECT FROM (
        SELECT unnest(%(detainee_ids)s::uuid[]) AS id
        UNION
        SELECT t.detainee_id FROM detentions t WHERE t.id = ANY (%(detention_ids)s)
    ) p
    JOIN detainees d ON d.id = p.id
    WHERE d.accepted AND is_hidden(d.age_group, d.withheld) AND d.merged_into IS NULL
) AS exist
