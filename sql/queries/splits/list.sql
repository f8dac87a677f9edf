-- Lists a split with the detentions and release events that it moved.
SELECT s.id, s.detainee_id, s.new_detainee_id, s.detention_ids, s.release_event_ids, s.created_at,
    s.updated_at, s.undone_at
FROM visible_splits(%(sees_hidden)s) s
WHERE s.id = %(id)s
