-- Inserts the groups that reached the disclosure threshold, and returns their hidden people.
-- disclosed_from follows with the ledger entry.
WITH disclosed AS (
    INSERT INTO disclosed_groups (age_group, facility_id, disclosed_from)
    SELECT r.age_group, r.facility_id, 'infinity'
    FROM disclosable_groups(%(detainee_ids)s, %(detention_ids)s) r
    RETURNING age_group, facility_id
)
SELECT DISTINCT p.id
FROM disclosed c
CROSS JOIN LATERAL (
    SELECT d.id FROM detainees d
    WHERE c.facility_id IS NULL AND d.age_group = c.age_group AND d.merged_into IS NULL
        AND is_hidden(d.age_group, d.withheld)
    OFFSET 0
) p
UNION
SELECT p.id
FROM disclosed c
CROSS JOIN LATERAL (
    SELECT d.id FROM detentions t JOIN detainees d ON d.id = t.detainee_id
    WHERE t.facility_id = c.facility_id AND t.voided_at IS NULL AND d.age_group = c.age_group
        AND d.merged_into IS NULL AND is_hidden(d.age_group, d.withheld)
    OFFSET 0
) p
