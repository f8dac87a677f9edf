-- For each person of a list, those who share the most keys of spelling, and who have one of the same
-- identifiers. Of a key that very many share only some are read: it says little. Nobody is found who
-- is hidden from the caller.
WITH asked AS (
    SELECT a.item, a.spelling
    FROM unnest(%(items)s::integer[], %(spellings)s::text[]) AS a (item, spelling)
), shared AS (
    SELECT a.item, s.detainee_id, count(*) AS many
    FROM asked a CROSS JOIN LATERAL (
        SELECT d.detainee_id FROM detainee_spellings d WHERE d.spelling = a.spelling LIMIT 500
    ) s
    GROUP BY a.item, s.detainee_id
), likeliest AS (
    SELECT s.item, s.detainee_id,
        row_number() OVER (PARTITION BY s.item ORDER BY s.many DESC, s.detainee_id) AS place
    FROM shared s
), found AS (
    SELECT l.item, l.detainee_id FROM likeliest l WHERE l.place <= 50
    UNION
    SELECT i.item, d.id
    FROM unnest(%(identified)s::integer[], %(external_ids)s::text[]) AS i (item, external_id)
    CROSS JOIN LATERAL (
        SELECT p.id FROM detainees p
        WHERE p.external_ids @> jsonb_build_array(i.external_id::jsonb) LIMIT 50
    ) d
)
SELECT f.item, d.id, d.is_named, d.name, d.aliases, d.birth_date::text AS birth_date, d.nationalities, d.sex,
    d.external_ids, t.facility_id::text AS facility_id, t.detained_on
FROM found f
CROSS JOIN LATERAL (
    -- OFFSET 0: whatever the planner makes of the rest, each is looked up.
    SELECT p.id, p.is_named, p.name, p.aliases, p.birth_date, p.nationalities, p.sex, p.external_ids
    FROM seen_detainees(%(sees_hidden)s) p
    WHERE p.id = f.detainee_id AND (p.is_named OR %(sees_hidden)s)
    OFFSET 0
) d
LEFT JOIN LATERAL (
    SELECT o.facility_id, o.detained_on FROM detentions o WHERE o.detainee_id = d.id
    ORDER BY o.began_on DESC, o.created_at DESC, o.id DESC LIMIT 1
) t ON true
ORDER BY f.item, d.id
