-- People by standing at any publication time, as the record stands: the total less all that came
-- after that moment, in years after its year, months after its month, and so on down; after now
-- there is next to nothing.
WITH asked AS (
    SELECT %(as_of)s::timestamptz AS as_of, -- if as_of
    SELECT now() AS as_of, -- unless as_of
        %(min_sources)s::integer AS required
), changed AS (
    SELECT t.standing, t.people FROM tallies t WHERE t.grain = 'total'
    UNION ALL
    SELECT t.standing, -t.people FROM asked a, tallies t
    WHERE t.grain = 'moment' AND t.bucket > a.as_of
        AND t.bucket < date_trunc('minute', a.as_of, 'UTC') + interval '1 minute' -- if as_of
    UNION ALL -- if as_of
    SELECT t.standing, -t.people FROM asked a, tallies t -- if as_of
    WHERE t.grain = 'minute' AND t.bucket > date_trunc('minute', a.as_of, 'UTC') -- if as_of
        AND t.bucket < date_trunc('hour', a.as_of, 'UTC') + interval '1 hour' -- if as_of
    UNION ALL -- if as_of
    SELECT t.standing, -t.people FROM asked a, tallies t -- if as_of
    WHERE t.grain = 'hour' AND t.bucket > date_trunc('hour', a.as_of, 'UTC') -- if as_of
        AND t.bucket < date_trunc('day', a.as_of, 'UTC') + interval '1 day' -- if as_of
    UNION ALL -- if as_of
    SELECT t.standing, -t.people FROM asked a, tallies t -- if as_of
    WHERE t.grain = 'day' AND t.bucket > date_trunc('day', a.as_of, 'UTC') -- if as_of
        AND t.bucket < date_trunc('month', a.as_of, 'UTC') + interval '1 month' -- if as_of
    UNION ALL -- if as_of
    SELECT t.standing, -t.people FROM asked a, tallies t -- if as_of
    WHERE t.grain = 'month' AND t.bucket > date_trunc('month', a.as_of, 'UTC') -- if as_of
        AND t.bucket < date_trunc('year', a.as_of, 'UTC') + interval '1 year' -- if as_of
    UNION ALL -- if as_of
    SELECT t.standing, -t.people FROM asked a, tallies t -- if as_of
    WHERE t.grain = 'year' AND t.bucket > date_trunc('year', a.as_of, 'UTC') -- if as_of
)
SELECT a.as_of, h.recorded_at AS recorded_as_of, a.required AS min_sources,
    c.confirmed, c.disputed, c.reported, c.refuted, c.unverified, c.rearrested
FROM asked a, ledger_head h, LATERAL (
    SELECT
        coalesce(sum(people) FILTER (WHERE letter IN ('C', 'A')), 0) AS confirmed,
        coalesce(sum(people) FILTER (WHERE letter = 'D'), 0) AS disputed,
        coalesce(sum(people) FILTER (WHERE letter = 'R'), 0) AS reported,
        coalesce(sum(people) FILTER (WHERE letter = 'F'), 0) AS refuted,
        coalesce(sum(people) FILTER (WHERE letter = 'U'), 0) AS unverified,
        coalesce(sum(people) FILTER (WHERE letter = 'A'), 0) AS rearrested
    FROM (SELECT substr(d.standing, a.required, 1) AS letter, d.people FROM changed d) d
) c
