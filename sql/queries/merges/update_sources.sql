-- Updates the sources of a merge: the duplicate, and those that were merged into it before.
-- What each was merged into before is kept for the undo.
WITH merged AS (
    UPDATE sources SET merged_into = m.into_source_id, updated_at = now()
    FROM merges m
    WHERE m.id = %(merge_id)s
        AND (sources.id = m.source_id OR sources.merged_into = m.source_id)
    RETURNING sources.id, old.merged_into AS before, new.merged_into AS after
), kept AS (
    INSERT INTO merge_changes (merge_id, resource, resource_id, before, after)
    SELECT %(merge_id)s, 'source', m.id, jsonb_build_object('merged_into', m.before),
        jsonb_build_object('merged_into', m.after)
    FROM merged m
)
SELECT m.id FROM merged m
