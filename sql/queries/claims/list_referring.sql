-- Lists the paths of the release events and claims that refer to a claim and are not void.
SELECT r.path
FROM (
    SELECT 'release-events/' || e.id AS path
    FROM release_events e
    WHERE e.announcement_id = %(id)s AND e.merged_into IS NULL AND e.voided_at IS NULL
    UNION
    SELECT 'claims/' || c.id FROM claims c WHERE c.announcement_id = %(id)s AND c.voided_at IS NULL
    UNION
    SELECT 'claims/' || c.id
    FROM claims c
    WHERE c.relays @> jsonb_build_array(jsonb_build_object('claim_id', %(id)s::uuid))
        AND c.voided_at IS NULL
) r
ORDER BY r.path
LIMIT %(limit)s
