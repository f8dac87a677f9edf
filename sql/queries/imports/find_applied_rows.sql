-- Finds the people of the same rows of the same file in earlier imports by the same key.
-- A merged duplicate is replaced by its surviving record. A person hidden from the key is found in any
-- file: otherwise the key would insert the person again with each new file.
-- A row whose person was split since has several people. If several rows match, those of one person come
-- first. Among these, the one with the last decision counts, else the one of the first import.
SELECT DISTINCT ON (r.digest) r.digest, n.people
FROM import_rows r
JOIN imports i ON i.id = r.import_id
CROSS JOIN LATERAL (
    WITH RECURSIVE chain (id, merged_into) AS (
        SELECT p.id, p.merged_into FROM detainees p WHERE p.id = r.detainee_id
        UNION ALL
        SELECT p.id, p.merged_into FROM chain c JOIN detainees p ON p.id = c.merged_into
    )
    SELECT c.id FROM chain c WHERE c.merged_into IS NULL
) now
JOIN detainees d ON d.id = now.id
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN is_hidden(d.age_group, d.withheld) AND NOT %(sees_hidden)s THEN ARRAY[d.id]
        ELSE ARRAY(SELECT s.id FROM people_since(r.detainee_id, i.applied_at) s)
    END AS people
) n
WHERE r.digest = ANY (%(digests)s) AND i.state = 'applied'
    AND (i.key_id IS NOT DISTINCT FROM %(key_id)s OR %(sees_hidden)s)
    AND (
        i.file_sha256 = %(file_sha256)s
        OR (is_hidden(d.age_group, d.withheld) AND NOT %(sees_hidden)s)
    )
ORDER BY r.digest, cardinality(n.people) > 1, r.decision IS NULL,
    CASE WHEN r.decision IS NULL THEN i.applied_at END, i.applied_at DESC
