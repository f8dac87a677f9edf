-- Lists the paths of the attestations of a release event that are not void.
SELECT 'attestations/' || a.id AS path
FROM attestations a
WHERE a.release_event_id = %(id)s AND a.voided_at IS NULL
ORDER BY a.id
LIMIT %(limit)s
