-- Lists people, also merged duplicates, and their detentions and release events that are not merged, as JSON rows.
SELECT 'detainee' AS resource, d.id, to_jsonb(d) AS record
FROM detainees d WHERE d.id = ANY (%(detainee_ids)s)
UNION ALL
SELECT 'detention', t.id, to_jsonb(t)
FROM detentions t WHERE t.detainee_id = ANY (%(detainee_ids)s) AND t.merged_into IS NULL
UNION ALL
SELECT 'release_event', e.id, to_jsonb(e)
FROM release_events e WHERE e.detainee_id = ANY (%(detainee_ids)s) AND e.merged_into IS NULL
