-- Counts people by status from the rollups, as recorded now, in total or by one property.
-- The total less all that came after the moment: the years after its year, the months after its
-- month, and so on down to the person statuses within one quarter of an hour.
WITH asked AS (
    SELECT %(as_of)s::timestamptz AS as_of, -- if as_of
    SELECT now() AS as_of, -- unless as_of
        %(min_sources)s::integer AS required, %(property)s::text AS property
), within AS ( -- if as_of
    -- The bucket of each grain that holds the moment. -- if as_of
    SELECT a.property, a.as_of, date_trunc('year', l.moment, 'UTC') AS year, -- if as_of
        date_trunc('month', l.moment, 'UTC') AS month, date_trunc('day', l.moment, 'UTC') AS day, -- if as_of
        date_bin('4 hours', l.moment, 'epoch') AS four_hours, -- if as_of
        date_trunc('hour', l.moment, 'UTC') AS hour, -- if as_of
        date_bin('15 minutes', l.moment, 'epoch') AS quarter -- if as_of
    FROM asked a CROSS JOIN LATERAL ( -- if as_of
        -- A bucket excludes its beginning, which belongs to the bucket before. -- if as_of
        SELECT greatest(a.as_of - interval '1 microsecond', '0001-01-01Z') AS moment -- if as_of
    ) l -- if as_of
), later AS (
    SELECT s.detainee_id, s.published_from, s.status_codes, s.groups
    FROM asked a, person_statuses s -- unless as_of
    FROM within a, person_statuses s -- if as_of
    WHERE s.recorded_until = 'infinity' AND s.published_from > a.as_of
        AND s.published_from <= a.quarter + interval '15 minutes' -- if as_of
), changed AS (
    SELECT t.value, 1 AS sign, t.people, NULL AS letter FROM asked a, status_rollups t
    WHERE t.property = a.property AND t.grain = 'total'
    UNION ALL -- if as_of
    SELECT t.value, -1, t.people, NULL FROM within a, status_rollups t -- if as_of
    WHERE t.property = a.property AND t.grain = 'quarter' -- if as_of
        AND t.bucket > a.quarter AND t.bucket < a.hour + interval '1 hour' -- if as_of
    UNION ALL -- if as_of
    SELECT t.value, -1, t.people, NULL FROM within a, status_rollups t -- if as_of
    WHERE t.property = a.property AND t.grain = 'hour' -- if as_of
        AND t.bucket > a.hour AND t.bucket < a.four_hours + interval '4 hours' -- if as_of
    UNION ALL -- if as_of
    SELECT t.value, -1, t.people, NULL FROM within a, status_rollups t -- if as_of
    WHERE t.property = a.property AND t.grain = '4 hours' -- if as_of
        AND t.bucket > a.four_hours AND t.bucket < a.day + interval '1 day' -- if as_of
    UNION ALL -- if as_of
    SELECT t.value, -1, t.people, NULL FROM within a, status_rollups t -- if as_of
    WHERE t.property = a.property AND t.grain = 'day' -- if as_of
        AND t.bucket > a.day AND t.bucket < a.month + interval '1 month' -- if as_of
    UNION ALL -- if as_of
    SELECT t.value, -1, t.people, NULL FROM within a, status_rollups t -- if as_of
    WHERE t.property = a.property AND t.grain = 'month' -- if as_of
        AND t.bucket > a.month AND t.bucket < a.year + interval '1 year' -- if as_of
    UNION ALL -- if as_of
    SELECT t.value, -1, t.people, NULL FROM within a, status_rollups t -- if as_of
    WHERE t.property = a.property AND t.grain = 'year' AND t.bucket > a.year -- if as_of
    UNION ALL
    SELECT coalesce(group_value(l.groups, a.property, a.required), ''), -1, NULL,
        substr(l.status_codes, a.required, 1)
    FROM asked a, later l
    UNION ALL
    SELECT coalesce(group_value(f.groups, a.property, a.required), ''), 1, NULL,
        substr(f.status_codes, a.required, 1)
    FROM asked a, later l
    CROSS JOIN LATERAL (
        SELECT s.status_codes, s.groups FROM person_statuses s
        WHERE s.detainee_id = l.detainee_id AND s.recorded_until = 'infinity'
            AND s.published_from < l.published_from
        ORDER BY s.published_from DESC
        LIMIT 1
    ) f
)
SELECT rfc3339(a.as_of) AS as_of, rfc3339(h.recorded_at) AS recorded_as_of, h.seq AS ledger_seq,
    c.value, c.confirmed, c.disputed, c.reported, c.refuted, c.unverified, c.rearrested
FROM asked a CROSS JOIN public_head h
LEFT JOIN (
    SELECT nullif(d.value, '') AS value,
        sum(d.sign * coalesce(d.people[a.required][1], (d.letter IN ('C', 'A'))::integer)) AS confirmed,
        sum(d.sign * coalesce(d.people[a.required][2], (d.letter = 'D')::integer)) AS disputed,
        sum(d.sign * coalesce(d.people[a.required][3], (d.letter = 'R')::integer)) AS reported,
        sum(d.sign * coalesce(d.people[a.required][4], (d.letter = 'F')::integer)) AS refuted,
        sum(d.sign * coalesce(d.people[a.required][5], (d.letter = 'U')::integer)) AS unverified,
        sum(d.sign * coalesce(d.people[a.required][6], (d.letter = 'A')::integer)) AS rearrested
    FROM asked a, changed d
    WHERE d.value = %(value)s -- if value
    GROUP BY d.value
) c ON true
ORDER BY c.value
