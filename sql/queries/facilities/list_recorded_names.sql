-- Lists the names of facilities at a moment of record time.
-- The columns are those of sources/list_recorded_names. A facility that never changed is read as it
-- is, which spares its entry in the ledger: 20 of them take 70 µs instead of 120.
SELECT n.id, n.name, false AS is_confidential, NULL::timestamptz AS published_at
FROM (
    SELECT f.id::text AS id,
        CASE
            WHEN f.updated_at = f.created_at AND f.created_at <= %(recorded_as_of)s THEN f.name
            ELSE (SELECT r.entry ->> 'name' FROM recorded(f.id, %(recorded_as_of)s) r)
        END AS name
    FROM facilities f WHERE f.id = ANY (%(ids)s)
    -- OFFSET 0: look up each name once, not again for the condition.
    OFFSET 0
) n
WHERE n.name IS NOT NULL
