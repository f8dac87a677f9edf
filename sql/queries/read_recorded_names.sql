-- The names of sources and facilities as the record had them; of a claim, its source's.
SELECT i.id, coalesce(x.entry ->> 'name', s.entry ->> 'name') AS name
FROM unnest(%(ids)s::uuid[]) AS i (id)
CROSS JOIN LATERAL recorded(i.id, %(recorded_as_of)s::timestamptz) x
LEFT JOIN LATERAL
    recorded((x.entry ->> 'source_id')::uuid, %(recorded_as_of)s::timestamptz) s ON true
