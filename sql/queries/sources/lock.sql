-- Locks a source, and tells whether it is affiliated or vouches for others.
SELECT s.id, s.confidential, s.vouched_by,
    EXISTS (
        SELECT FROM affiliations a WHERE a.source_id = s.id OR a.with_source_id = s.id
    ) AS affiliated,
    EXISTS (SELECT FROM sources o WHERE o.vouched_by = s.id) AS vouches
FROM sources s
WHERE s.id = %(id)s
FOR NO KEY UPDATE
