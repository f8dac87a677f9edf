-- Exports people.
-- A person who is hidden from the reader must stay hidden where the export is loaded.
SELECT d.id, d.name, d.aliases, d.sex, d.birth_date, d.age_group, d.nationalities, d.occupation,
    d.external_ids, coalesce(d.withheld, true) AS withheld
FROM visible_detainees(%(sees_hidden)s) d
WHERE true
    AND d.id IN ( -- if case_of
        SELECT e.detainee_id FROM release_events e -- if case_of
        WHERE e.announcement_id = %(case_of)s AND e.voided_at IS NULL -- if case_of
    ) -- if case_of
ORDER BY d.id
LIMIT %(limit)s
