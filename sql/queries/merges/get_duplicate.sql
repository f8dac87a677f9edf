-- Gets the row of a merged duplicate, which has the values that it had before the merge.
SELECT to_jsonb(d) AS entry FROM detainees d
WHERE d.id = %(id)s AND d.merged_into IS NOT NULL AND %(resource)s = 'detainee'
UNION ALL
SELECT to_jsonb(s) FROM sources s
WHERE s.id = %(id)s AND s.merged_into IS NOT NULL AND %(resource)s = 'source'
UNION ALL
SELECT to_jsonb(t) FROM detentions t
WHERE t.id = %(id)s AND t.merged_into IS NOT NULL AND %(resource)s = 'detention'
UNION ALL
SELECT to_jsonb(e) FROM release_events e
WHERE e.id = %(id)s AND e.merged_into IS NOT NULL AND %(resource)s = 'release_event'
