-- Tells whether the keys of an import's rows still exist; a crash of the server deletes them.
SELECT EXISTS (SELECT FROM import_keys s WHERE s.import_id = %(import_id)s)
    OR NOT EXISTS (
        SELECT FROM import_rows r
        WHERE r.import_id = %(import_id)s AND r.outcome <> 'invalid' AND r.key_count > 0
    ) AS has_keys
