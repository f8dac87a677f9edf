-- Lists the people with a value of a property, and in some custodies, like detainees/list.
-- Those with the value are read by the index of values; at most `max_scanned` are compared. Of the groups
-- of hidden people only those are read whose value the caller may know. Conditions are on what the caller
-- sees.
SELECT k.id, NULL::uuid AS merged_into, d.name, d.is_named, d.withheld, d.aliases, d.sex,
    d.birth_date, d.age_group, d.nationalities, d.occupation, d.external_ids, d.detention, d.custody,
    NULL AS match, d.created_at, d.updated_at, NOT d.is_named AS is_hidden,
    d.id IS NOT NULL AS is_met, k.ends_scan
FROM (
    SELECT k.id, row_number() OVER (ORDER BY k.id) = %(max_scanned)s AS ends_scan
    FROM (
        SELECT DISTINCT v.id
        FROM unnest(%(custodies)s::text[]) AS c (custody)
        CROSS JOIN unnest(ARRAY['', 'adult', 'minor', 'unknown']) AS h (hidden_group)
        CROSS JOIN LATERAL (
            SELECT v.detainee_id AS id
            FROM detainee_values v
            WHERE v.property = %(property)s AND v.value = %(value)s
                AND v.custody = c.custody AND v.hidden_group = h.hidden_group
                AND v.detainee_id > %(after)s -- if after
            ORDER BY v.detainee_id
            LIMIT %(max_scanned)s
        ) v
        WHERE true
            AND h.hidden_group = ANY (ARRAY(SELECT g.hidden_group FROM known_groups_at(%(facility_id)s::uuid, %(sees_hidden)s) g)) -- if facility_id
            AND (h.hidden_group = '' OR %(sees_hidden)s) -- if nationality
    ) k
    ORDER BY k.id
    LIMIT %(max_scanned)s
) k
LEFT JOIN LATERAL detainee_with_custody(k.id, %(sees_hidden)s) d
    ON coalesce(d.custody, '') = ANY (%(custodies)s)
    AND d.detention ->> 'facility_id' = %(facility_id)s::text -- if facility_id
    AND %(nationality)s = ANY (d.nationalities) -- if nationality
WHERE d.id IS NOT NULL OR k.ends_scan
ORDER BY k.id
LIMIT %(limit)s
