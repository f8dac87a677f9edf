-- Inserts the changes of a split or its undo. The first change of a record is kept.
INSERT INTO split_changes (split_id, resource, resource_id, before, after)
SELECT %(split_id)s, r.resource, r.id, r.before, r.after
FROM jsonb_to_recordset(%(rows)s)
    AS r (resource text, id uuid, before jsonb, after jsonb)
ON CONFLICT (split_id, resource_id) DO NOTHING
