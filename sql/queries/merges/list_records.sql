-- Lists the records of people that are not merged duplicates, each with its row.
SELECT 'detainee' AS resource, d.id, to_jsonb(d) AS entry
FROM detainees d WHERE d.id = ANY (%(detainee_ids)s)
UNION ALL
SELECT 'detention', t.id, to_jsonb(t)
FROM detentions t WHERE t.detainee_id = ANY (%(detainee_ids)s) AND t.merged_into IS NULL
UNION ALL
SELECT 'release_event', e.id, to_jsonb(e)
FROM release_events e WHERE e.detainee_id = ANY (%(detainee_ids)s) AND e.merged_into IS NULL
