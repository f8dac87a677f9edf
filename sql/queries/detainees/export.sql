-- Exports people.
-- A person who is hidden from the reader must stay hidden where the export is loaded.
SELECT d.id, d.name, d.aliases, d.sex, d.birth_date, d.age_group, d.nationalities, d.occupation,
    d.external_ids, coalesce(d.withheld, true) AS withheld
FROM visible_detainees(%(sees_hidden)s) d
WHERE true
    AND d.id IN ( -- if announcement_id
        SELECT e.detainee_id FROM release_events e -- if announcement_id
        WHERE e.announcement_id = %(announcement_id)s AND e.voided_at IS NULL -- if announcement_id
    ) -- if announcement_id
ORDER BY d.id
LIMIT %(limit)s
