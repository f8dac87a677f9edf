-- Inserts rows of a preview.
INSERT INTO import_rows (
    import_id, row, outcome, content, key_count, digest, detainee_id, same_as_row, candidate_ids,
    candidate_rows, changes, errors, release_event_id, status_from, status_to, resource, pointer,
    record_id
)
SELECT %(import_id)s, r.row, r.outcome, r.said, r.keys, decode(r.digest, 'hex'), r.detainee_id,
    r.same_as_row, r.people, r.rows, r.changes, r.faults, r.release_event_id, r.status_from,
    r.status_to, r.resource, r.place, r.record_id
FROM jsonb_to_recordset(%(entries)s) AS r (
    row integer, outcome text, said jsonb, keys integer, digest text, detainee_id uuid, same_as_row integer,
    people uuid[], rows integer[], changes text[], faults jsonb, release_event_id uuid,
    status_from text, status_to text, resource text, place text, record_id uuid
)
