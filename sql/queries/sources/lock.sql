-- Locks a source, and tells whether it is affiliated, vouches for others or has duplicates.
-- A merged duplicate gives no row. Void affiliations count, because their voiding can be undone.
SELECT s.id, s.name, s.url, s.confidential, surviving_source_id(s.vouched_by, NULL) AS vouched_by,
    EXISTS (
        SELECT FROM affiliations a WHERE a.source_id = s.id OR a.with_source_id = s.id
    ) AS affiliated,
    EXISTS (SELECT FROM sources o WHERE o.vouched_by = s.id) AS vouches,
    EXISTS (SELECT FROM sources o WHERE o.merged_into = s.id) AS has_duplicates
FROM sources s
WHERE s.id = %(id)s AND s.merged_into IS NULL
FOR NO KEY UPDATE
