-- Lists the paths of the release events of a detention that are not void.
SELECT 'release-events/' || e.id AS path
FROM release_events e
-- Not `=`: see 0009_release_events.sql.
WHERE e.detainee_id = %(detainee_id)s AND e.detention_id IS NOT DISTINCT FROM %(id)s
    AND e.voided_at IS NULL
ORDER BY e.id
LIMIT %(limit)s
