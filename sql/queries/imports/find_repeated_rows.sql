-- Finds the people of rows in earlier versions of a list, by all cells of the rows.
-- An earlier version is an import by the same key for the same source of which at least `min_rows` rows,
-- and half of all, are in the list again. Rows with the same cells that were of two people are left out.
WITH versions AS MATERIALIZED (
    SELECT r.import_id
    FROM import_rows r
    JOIN imports i ON i.id = r.import_id
    WHERE r.cells_digest = ANY (%(digests)s) AND i.state = 'applied'
        AND i.key_id IS NOT DISTINCT FROM %(key_id)s
        AND (i.attestation ->> 'source_id') IS NOT DISTINCT FROM %(source_id)s
    GROUP BY r.import_id
    HAVING count(DISTINCT r.cells_digest) >= greatest(
        %(min_rows)s,
        (SELECT (count(*) + 1) / 2 FROM import_rows a WHERE a.import_id = r.import_id)
    )
)
SELECT r.cells_digest, (array_agg(now.id))[1] AS detainee_id
FROM versions v
JOIN import_rows r ON r.import_id = v.import_id
CROSS JOIN LATERAL (
    WITH RECURSIVE chain (id, merged_into) AS (
        SELECT p.id, p.merged_into FROM detainees p WHERE p.id = r.detainee_id
        UNION ALL
        SELECT p.id, p.merged_into FROM chain c JOIN detainees p ON p.id = c.merged_into
    )
    SELECT c.id FROM chain c WHERE c.merged_into IS NULL
) now
WHERE r.cells_digest = ANY (%(digests)s)
GROUP BY r.cells_digest
HAVING count(DISTINCT now.id) = 1
