-- Finds the people of rows in earlier versions of a list, by all cells of the rows.
-- An earlier version is an import by the same key for the same source of which at least `min_rows` rows,
-- and half of all, are in the list again. Rows with the same cells that were of two people are left out.
-- A row whose person was split since has several people, unless another version has it with one.
WITH versions AS MATERIALIZED (
    SELECT r.import_id, i.applied_at
    FROM import_rows r
    JOIN imports i ON i.id = r.import_id
    WHERE r.cells_digest = ANY (%(digests)s) AND i.state = 'applied'
        AND i.key_id IS NOT DISTINCT FROM %(key_id)s
        AND (i.attestation ->> 'source_id') IS NOT DISTINCT FROM %(source_id)s
    GROUP BY r.import_id, i.applied_at
    HAVING count(DISTINCT r.cells_digest) >= greatest(
        %(min_rows)s,
        (SELECT (count(*) + 1) / 2 FROM import_rows a WHERE a.import_id = r.import_id)
    )
)
SELECT p.cells_digest,
    coalesce(any_value(p.people) FILTER (WHERE p.is_one), any_value(p.people)) AS people
FROM (
    SELECT r.cells_digest, n.people, cardinality(n.people) = 1 AS is_one
    FROM versions v
    JOIN import_rows r ON r.import_id = v.import_id
    CROSS JOIN LATERAL (
        SELECT ARRAY(SELECT s.id FROM people_since(r.detainee_id, v.applied_at) s) AS people
    ) n
    WHERE r.cells_digest = ANY (%(digests)s) AND r.detainee_id IS NOT NULL
) p
GROUP BY p.cells_digest
HAVING count(DISTINCT p.people) FILTER (WHERE p.is_one) <= 1
