-- Inserts rows of a preview.
INSERT INTO import_rows (
    import_id, row, outcome, content, key_count, digest, cells_digest, detainee_id, same_as_row,
    candidate_ids, candidate_rows, changes, errors, ignored, release_event_id, status_from, status_to, resource,
    pointer, record_id
)
SELECT %(import_id)s, r.row, r.outcome, r.content, r.key_count, decode(r.digest, 'hex'),
    decode(r.cells_digest, 'hex'), r.detainee_id, r.same_as_row, r.candidate_ids, r.candidate_rows, r.changes, r.errors,
    r.ignored, r.release_event_id, r.status_from, r.status_to, r.resource, r.pointer, r.record_id
FROM jsonb_to_recordset(%(rows)s) AS r (
    row integer, outcome text, content jsonb, key_count integer, digest text, cells_digest text,
    detainee_id uuid, same_as_row integer, candidate_ids uuid[], candidate_rows integer[], changes text[],
    errors jsonb, ignored jsonb, release_event_id uuid, status_from text, status_to text, resource text,
    pointer text, record_id uuid
)
