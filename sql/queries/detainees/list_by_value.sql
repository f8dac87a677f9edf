-- Lists the people with a value of a property, and in some custodies, like detainees/list.
-- At most a page of each is read, by the index of values, and of the groups of hidden people only those
-- whose value the caller may know. Conditions are on what the caller sees.
SELECT d.id, NULL::uuid AS merged_into, d.name, d.is_named, d.withheld, d.aliases, d.sex,
    d.birth_date, d.age_group, d.nationalities, d.occupation, d.external_ids, d.detention, d.custody, NULL AS match,
    d.created_at, d.updated_at, NOT d.is_named AS is_hidden
FROM unnest(%(custodies)s::text[]) AS c (custody)
CROSS JOIN unnest(ARRAY['', 'adult', 'minor', 'unknown']) AS h (hidden_group)
CROSS JOIN LATERAL (
    SELECT k.detainee_id AS id
    FROM detainee_values k
    CROSS JOIN LATERAL (
        SELECT o.detention, o.custody, o.nationalities
        FROM detainees_with_custody(%(sees_hidden)s) o
        WHERE o.id = k.detainee_id
        OFFSET 0
    ) o
    WHERE k.property = %(property)s AND k.value = %(value)s
        AND k.custody = c.custody AND k.hidden_group = h.hidden_group
        AND coalesce(o.custody, '') = k.custody
        AND o.detention ->> 'facility_id' = %(facility_id)s::text -- if facility_id
        AND %(nationality)s = ANY (o.nationalities) -- if nationality
        AND k.detainee_id > %(after)s -- if after
    ORDER BY k.detainee_id
    LIMIT %(limit)s
) w
CROSS JOIN LATERAL (
    SELECT o.id, o.name, o.is_named, o.withheld, o.aliases, o.sex, o.birth_date, o.age_group,
        o.nationalities, o.occupation, o.external_ids, o.detention, o.custody, o.created_at,
        o.updated_at
    FROM detainees_with_custody(%(sees_hidden)s) o
    WHERE o.id = w.id
    OFFSET 0
) d
WHERE true
    AND h.hidden_group = ANY (ARRAY(SELECT g.hidden_group FROM known_groups_at(%(facility_id)s::uuid, %(sees_hidden)s) g)) -- if facility_id
    AND (h.hidden_group = '' OR %(sees_hidden)s) -- if nationality
ORDER BY d.id
LIMIT %(limit)s
