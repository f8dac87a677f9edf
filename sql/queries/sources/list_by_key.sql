-- Lists the sources with a key, or with a duplicate that has it, in order of creation.
SELECT s.id, s.kind, s.country, s.confidential,
    coalesce(
        (SELECT v.merged_into FROM sources v WHERE v.id = s.vouched_by), s.vouched_by
    ) AS vouched_by
FROM (
    SELECT DISTINCT coalesce(s.merged_into, s.id) AS id
    FROM source_keys k JOIN sources s ON s.id = k.source_id
    WHERE k.key = %(key)s
) k
JOIN sources s ON s.id = k.id
ORDER BY s.created_at, s.id
