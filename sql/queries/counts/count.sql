-- Counts people by status from the rollups at a moment, in total or by one property.
-- The total less all that came after the moment: the years after its year, the months after its
-- month, and so on down to the person statuses within one quarter of an hour. Now that is only the
-- person statuses that begin in the future.
WITH asked AS (
    SELECT m.as_of, %(min_sources)s::integer AS required, %(property)s::text AS property,
        -- A bucket excludes its beginning, which belongs to the bucket before.
        greatest(m.as_of - interval '1 microsecond', '0001-01-01Z') AS inside
    FROM (SELECT coalesce(%(as_of)s::timestamptz, now()) AS as_of) m
), starts AS (
    -- The beginnings of the buckets that contain the moment.
    SELECT date_trunc('year', a.inside, 'UTC') AS year,
        date_trunc('month', a.inside, 'UTC') AS month, date_trunc('day', a.inside, 'UTC') AS day,
        date_bin('4 hours', a.inside, 'epoch') AS four_hours,
        date_trunc('hour', a.inside, 'UTC') AS hour,
        date_bin('15 minutes', a.inside, 'epoch') AS quarter
    FROM asked a
), later (grain, after, until) AS (
    SELECT 'year', s.year, 'infinity'::timestamptz FROM starts s
    UNION ALL
    SELECT 'month', s.month, s.year + interval '1 year' FROM starts s
    UNION ALL
    SELECT 'day', s.day, s.month + interval '1 month' FROM starts s
    UNION ALL
    SELECT '4 hours', s.four_hours, s.day + interval '1 day' FROM starts s
    UNION ALL
    SELECT 'hour', s.hour, s.four_hours + interval '4 hours' FROM starts s
    UNION ALL
    SELECT 'quarter', s.quarter, s.hour + interval '1 hour' FROM starts s
), summands AS (
    SELECT t.value, 1 AS sign, t.people, NULL AS code
    FROM asked a JOIN status_rollups t ON t.property = a.property AND t.grain = 'total'
    UNION ALL
    SELECT t.value, -1, t.people, NULL
    FROM asked a CROSS JOIN later l
    CROSS JOIN LATERAL (
        -- OFFSET 0: look up these few rows, whatever size the planner expects of the rest.
        SELECT r.value, r.people FROM status_rollups r
        WHERE r.property = a.property AND r.grain = l.grain
            AND r.bucket > l.after AND r.bucket < l.until
        OFFSET 0
    ) t
    WHERE true
        AND false -- if is_now
    UNION ALL
    SELECT coalesce(group_value(v.groups, a.property, a.required), ''), v.sign, NULL,
        substr(v.codes, a.required, 1)
    FROM asked a CROSS JOIN starts s
    CROSS JOIN LATERAL status_changes(
        a.as_of,
        CASE
            WHEN %(as_of)s::timestamptz IS NULL THEN 'infinity'
            ELSE s.quarter + interval '15 minutes'
        END
    ) c
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
