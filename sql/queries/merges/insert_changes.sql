-- Inserts the changes of a merge or its undo. The first change of a record is kept, for the undo.
INSERT INTO merge_changes (merge_id, resource, resource_id, before, after)
SELECT %(merge_id)s, r.resource, r.id, r.before, r.after
FROM jsonb_to_recordset(%(rows)s)
    AS r (resource text, id uuid, before jsonb, after jsonb)
ON CONFLICT (merge_id, resource_id) DO NOTHING
