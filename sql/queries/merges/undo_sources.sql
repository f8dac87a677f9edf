-- Restores the sources that a merge changed.
UPDATE sources SET merged_into = (m.before ->> 'merged_into')::uuid, updated_at = now()
FROM merge_changes m
WHERE m.merge_id = %(merge_id)s AND sources.id = m.resource_id
RETURNING sources.id
