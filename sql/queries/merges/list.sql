-- Lists a merge with the detentions and release events that were merged by it.
SELECT m.id, m.detainee_id, m.source_id, coalesce(m.into_id, m.into_source_id) AS "into",
    (
        SELECT coalesce(json_agg(json_build_object(
            'detention_id', c.resource_id, 'into', c.after -> 'merged_into'
        ) ORDER BY c.resource_id), '[]')
        FROM merge_changes c
        WHERE c.merge_id = m.id AND c.resource = 'detention' AND c.after ? 'merged_into'
    ) AS detentions,
    (
        SELECT coalesce(json_agg(json_build_object(
            'release_event_id', c.resource_id, 'into', c.after -> 'merged_into'
        ) ORDER BY c.resource_id), '[]')
        FROM merge_changes c
        WHERE c.merge_id = m.id AND c.resource = 'release_event' AND c.after ? 'merged_into'
    ) AS release_events,
    m.created_at, m.updated_at, m.undone_at
FROM visible_merges(%(sees_hidden)s) m
WHERE m.id = %(id)s
