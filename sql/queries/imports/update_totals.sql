-- Updates the totals of an import: rows by outcome, and the records that it would create.
-- A key takes about 100 bytes in its table and index.
UPDATE imports SET
    totals = %(totals)s,
    people = %(people)s,
    release_events = %(release_events)s,
    attestations = %(attestations)s,
    facilities = %(facilities)s,
    stored_bytes = (
        SELECT coalesce(sum(pg_column_size(r)), 0) FROM import_rows r
        WHERE r.import_id = %(id)s
    ) + (
        SELECT 100 * count(*) FROM import_keys k WHERE k.import_id = %(id)s
    ) + (
        SELECT coalesce(sum(length(f.content)), 0) FROM import_files f WHERE f.import_id = %(id)s
    )
WHERE id = %(id)s
