-- Counts people by status from the rollups as of now, in total or by one property.
-- The total less the person statuses that begin in the future.
WITH asked AS (
    SELECT now() AS as_of, %(min_sources)s::integer AS required, %(property)s::text AS property
), summands AS (
    SELECT t.value, 1 AS sign, t.people, NULL AS code
    FROM asked a JOIN status_rollups t ON t.property = a.property AND t.grain = 'total'
    UNION ALL
    SELECT coalesce(group_value(v.groups, a.property, a.required), ''), v.sign, NULL,
        substr(v.codes, a.required, 1)
    FROM asked a
    CROSS JOIN LATERAL status_changes(a.as_of, 'infinity') c
    CROSS JOIN LATERAL (
        VALUES (-1, c.status_codes, c.groups), (1, c.former_codes, c.former_groups)
    ) AS v (sign, codes, groups)
    WHERE v.codes IS NOT NULL
)
SELECT rfc3339(a.as_of) AS as_of, rfc3339(h.recorded_at) AS recorded_as_of, h.seq AS ledger_seq,
    c.value, c.confirmed, c.disputed, c.reported, c.refuted, c.unverified, c.rearrested
FROM asked a CROSS JOIN public_head h
LEFT JOIN (
    SELECT nullif(s.value, '') AS value,
        sum(s.sign * coalesce(s.people[a.required][1], (s.code IN ('C', 'A'))::integer)) AS confirmed,
        sum(s.sign * coalesce(s.people[a.required][2], (s.code = 'D')::integer)) AS disputed,
        sum(s.sign * coalesce(s.people[a.required][3], (s.code = 'R')::integer)) AS reported,
        sum(s.sign * coalesce(s.people[a.required][4], (s.code = 'F')::integer)) AS refuted,
        sum(s.sign * coalesce(s.people[a.required][5], (s.code = 'U')::integer)) AS unverified,
        sum(s.sign * coalesce(s.people[a.required][6], (s.code = 'A')::integer)) AS rearrested
    FROM asked a, summands s
    WHERE true
        AND s.value = ANY (%(values)s) -- if values
    GROUP BY s.value
) c ON true
ORDER BY c.value
