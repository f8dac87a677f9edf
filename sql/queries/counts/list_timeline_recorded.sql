-- Lists the figures at each moment from the person statuses of a record time.
WITH asked AS (
    SELECT %(ends)s::timestamptz[] AS ends, %(recorded_as_of)s::timestamptz AS recorded_as_of,
        %(min_sources)s::integer AS required, %(property)s::text AS property
), ends AS (
    SELECT e.at, e.position FROM asked a, unnest(a.ends) WITH ORDINALITY AS e (at, position)
), steps AS (
    SELECT s.published_from, substr(s.status_codes, a.required, 1) AS code,
        coalesce(group_value(s.groups, a.property, a.required), '') AS value,
        lag(substr(s.status_codes, a.required, 1)) OVER w AS former,
        lag(coalesce(group_value(s.groups, a.property, a.required), '')) OVER w AS former_value
    FROM asked a JOIN person_statuses s ON s.published_from <= (SELECT max(e.at) FROM ends e)
        AND s.recorded_from <= a.recorded_as_of AND a.recorded_as_of < s.recorded_until
    WINDOW w AS (PARTITION BY s.detainee_id ORDER BY s.published_from)
), moved AS (
    SELECT s.published_from AS moment, NULL::bigint AS position, 1 AS sign, s.code FROM steps s
    WHERE s.value = %(value)s
    UNION ALL
    SELECT s.published_from, NULL, -1, s.former FROM steps s WHERE s.former_value = %(value)s
    UNION ALL
    SELECT e.at, e.position, 0, NULL FROM ends e
), summed AS (
    -- A change at a moment counts at that moment.
    SELECT m.position,
        sum(m.sign) FILTER (WHERE m.code IN ('C', 'A')) OVER w AS confirmed,
        sum(m.sign) FILTER (WHERE m.code = 'D') OVER w AS disputed,
        sum(m.sign) FILTER (WHERE m.code = 'R') OVER w AS reported,
        sum(m.sign) FILTER (WHERE m.code = 'F') OVER w AS refuted,
        sum(m.sign) FILTER (WHERE m.code = 'U') OVER w AS unverified,
        sum(m.sign) FILTER (WHERE m.code = 'A') OVER w AS rearrested
    FROM moved m
    WINDOW w AS (ORDER BY m.moment RANGE UNBOUNDED PRECEDING)
)
SELECT c.confirmed, c.disputed, c.reported, c.refuted, c.unverified, c.rearrested,
    rfc3339(a.recorded_as_of) AS recorded_as_of, recorded_seq(a.recorded_as_of) AS ledger_seq
FROM asked a, (
    SELECT array_agg(s.confirmed) AS confirmed, array_agg(s.disputed) AS disputed,
        array_agg(s.reported) AS reported, array_agg(s.refuted) AS refuted,
        array_agg(s.unverified) AS unverified, array_agg(s.rearrested) AS rearrested
    FROM (
        SELECT coalesce(m.confirmed, 0) AS confirmed, coalesce(m.disputed, 0) AS disputed,
            coalesce(m.reported, 0) AS reported, coalesce(m.refuted, 0) AS refuted,
            coalesce(m.unverified, 0) AS unverified, coalesce(m.rearrested, 0) AS rearrested
        FROM summed m WHERE m.position IS NOT NULL
        ORDER BY m.position
    ) s
) c
