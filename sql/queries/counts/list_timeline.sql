-- Lists the figures at each moment from the rollups, as recorded now.
-- All that came before the first day, then day by day, and within the day of each moment the four
-- hours, hours and quarters that are over, and the person statuses since.
WITH ends AS (
    SELECT e.position, e.at, date_trunc('day', e.at, 'UTC') AS day,
        date_bin('4 hours', e.at, 'epoch') AS four_hours,
        date_trunc('hour', e.at, 'UTC') AS hour, date_bin('15 minutes', e.at, 'epoch') AS quarter
    FROM unnest(%(ends)s::timestamptz[]) WITH ORDINALITY AS e (at, position)
), first AS (
    SELECT e.day, date_trunc('month', e.day, 'UTC') AS month,
        date_trunc('year', e.day, 'UTC') AS year
    FROM ends e WHERE e.position = 1
), figures AS (
    SELECT %(min_sources)s::integer AS required, %(property)s::text AS property,
        %(value)s::text AS value
), ranges AS (
    -- The total less all since the beginning of the first day; then day by day.
    SELECT 'total' AS grain, '-infinity'::timestamptz AS begin, 'infinity'::timestamptz AS until,
        1 AS sign, false AS is_daily
    UNION ALL
    SELECT 'year', d.year + interval '1 year', 'infinity', -1, false FROM first d
    UNION ALL
    SELECT 'month', d.month + interval '1 month', d.year + interval '1 year', -1, false
    FROM first d
    UNION ALL
    SELECT 'day', d.day, d.month + interval '1 month', -1, false FROM first d
    UNION ALL
    SELECT 'day', d.day, (SELECT max(e.day) FROM ends e), 1, true FROM first d
), days AS (
    SELECT NULL::bigint AS position,
        CASE WHEN r.is_daily THEN t.bucket + interval '1 day' ELSE '-infinity' END AS moment,
        t.people, r.sign
    FROM figures f CROSS JOIN ranges r
    CROSS JOIN LATERAL (
        -- OFFSET 0: look up these few rows, whatever size the planner expects of the rest.
        SELECT y.bucket, y.people FROM status_rollups y
        WHERE y.property = f.property AND y.grain = r.grain AND y.value = f.value
            AND y.bucket >= r.begin AND y.bucket < r.until
        OFFSET 0
    ) t
    UNION ALL
    SELECT e.position, e.day, NULL, 0 FROM ends e
), running AS (
    SELECT d.position,
        (sum(d.sign * d.people[f.required][1]) OVER w)::integer AS confirmed,
        (sum(d.sign * d.people[f.required][2]) OVER w)::integer AS disputed,
        (sum(d.sign * d.people[f.required][3]) OVER w)::integer AS reported,
        (sum(d.sign * d.people[f.required][4]) OVER w)::integer AS refuted,
        (sum(d.sign * d.people[f.required][5]) OVER w)::integer AS unverified,
        (sum(d.sign * d.people[f.required][6]) OVER w)::integer AS rearrested
    FROM days d, figures f
    WINDOW w AS (ORDER BY d.moment RANGE UNBOUNDED PRECEDING)
), within AS (
    SELECT e.position, t.people[f.required][1] AS confirmed, t.people[f.required][2] AS disputed,
        t.people[f.required][3] AS reported, t.people[f.required][4] AS refuted,
        t.people[f.required][5] AS unverified, t.people[f.required][6] AS rearrested
    FROM figures f CROSS JOIN ends e
    CROSS JOIN LATERAL (
        SELECT h.people FROM status_rollups h
        WHERE h.property = f.property AND h.grain = '4 hours' AND h.value = f.value
            AND h.bucket >= e.day AND h.bucket < e.four_hours
        OFFSET 0
    ) t
    WHERE e.day < e.four_hours
    UNION ALL
    SELECT e.position, t.people[f.required][1], t.people[f.required][2], t.people[f.required][3],
        t.people[f.required][4], t.people[f.required][5], t.people[f.required][6]
    FROM figures f CROSS JOIN ends e
    CROSS JOIN LATERAL (
        SELECT h.people FROM status_rollups h
        WHERE h.property = f.property AND h.grain = 'hour' AND h.value = f.value
            AND h.bucket >= e.four_hours AND h.bucket < e.hour
        OFFSET 0
    ) t
    WHERE e.four_hours < e.hour
    UNION ALL
    SELECT e.position, t.people[f.required][1], t.people[f.required][2], t.people[f.required][3],
        t.people[f.required][4], t.people[f.required][5], t.people[f.required][6]
    FROM figures f CROSS JOIN ends e
    CROSS JOIN LATERAL (
        SELECT q.people FROM status_rollups q
        WHERE q.property = f.property AND q.grain = 'quarter' AND q.value = f.value
            AND q.bucket >= e.hour AND q.bucket < e.quarter
        OFFSET 0
    ) t
    WHERE e.hour < e.quarter
), rest AS (
    -- Only for moments that do not end a quarter of an hour.
    SELECT m.position,
        (sum(m.sign) FILTER (WHERE m.code IN ('C', 'A')))::integer AS confirmed,
        (sum(m.sign) FILTER (WHERE m.code = 'D'))::integer AS disputed,
        (sum(m.sign) FILTER (WHERE m.code = 'R'))::integer AS reported,
        (sum(m.sign) FILTER (WHERE m.code = 'F'))::integer AS refuted,
        (sum(m.sign) FILTER (WHERE m.code = 'U'))::integer AS unverified,
        (sum(m.sign) FILTER (WHERE m.code = 'A'))::integer AS rearrested
    FROM (
        SELECT e.position, v.sign, substr(v.codes, f.required, 1) AS code
        FROM figures f CROSS JOIN ends e
        CROSS JOIN LATERAL status_changes(e.quarter, e.at) c
        CROSS JOIN LATERAL (
            VALUES (1, c.status_codes, c.groups), (-1, c.former_codes, c.former_groups)
        ) AS v (sign, codes, groups)
        WHERE e.quarter < e.at
            AND coalesce(group_value(v.groups, f.property, f.required), '') = f.value
    ) m
    GROUP BY m.position
)
SELECT c.confirmed, c.disputed, c.reported, c.refuted, c.unverified, c.rearrested,
    rfc3339(h.recorded_at) AS recorded_as_of, h.seq AS ledger_seq
FROM public_head h, (
    SELECT array_agg(s.confirmed) AS confirmed, array_agg(s.disputed) AS disputed,
        array_agg(s.reported) AS reported, array_agg(s.refuted) AS refuted,
        array_agg(s.unverified) AS unverified, array_agg(s.rearrested) AS rearrested
    FROM (
        SELECT coalesce(sum(p.confirmed), 0) AS confirmed, coalesce(sum(p.disputed), 0) AS disputed,
            coalesce(sum(p.reported), 0) AS reported, coalesce(sum(p.refuted), 0) AS refuted,
            coalesce(sum(p.unverified), 0) AS unverified, coalesce(sum(p.rearrested), 0) AS rearrested
        FROM (
            SELECT r.position, r.confirmed, r.disputed, r.reported, r.refuted, r.unverified, r.rearrested
            FROM running r WHERE r.position IS NOT NULL
            UNION ALL
            SELECT w.position, w.confirmed, w.disputed, w.reported, w.refuted, w.unverified, w.rearrested
            FROM within w
            UNION ALL
            SELECT r.position, r.confirmed, r.disputed, r.reported, r.refuted, r.unverified, r.rearrested
            FROM rest r
        ) p
        GROUP BY p.position
        ORDER BY p.position
    ) s
) c
