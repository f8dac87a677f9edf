-- Counts people by person status at a pair of moments, in total or by one property.
WITH asked AS (
    SELECT coalesce(%(as_of)s::timestamptz, now()) AS as_of,
        %(recorded_as_of)s::timestamptz AS recorded_as_of, %(min_sources)s::integer AS required,
        %(property)s::text AS property
), people AS (
    SELECT DISTINCT ON (s.detainee_id) substr(s.status_codes, a.required, 1) AS code,
        -- The total reads no groups: a tenth of the time.
        CASE
            WHEN a.property <> '' THEN coalesce(group_value(s.groups, a.property, a.required), '')
            ELSE ''
        END AS value
    FROM asked a JOIN person_statuses s ON s.published_from <= a.as_of
        AND s.recorded_from <= a.recorded_as_of AND a.recorded_as_of < s.recorded_until
    ORDER BY s.detainee_id, s.published_from DESC
)
SELECT rfc3339(a.as_of) AS as_of, rfc3339(a.recorded_as_of) AS recorded_as_of,
    recorded_seq(a.recorded_as_of) AS ledger_seq,
    c.value, c.confirmed, c.disputed, c.reported, c.refuted, c.unverified, c.rearrested
FROM asked a
LEFT JOIN (
    SELECT nullif(p.value, '') AS value,
        count(*) FILTER (WHERE p.code IN ('C', 'A')) AS confirmed,
        count(*) FILTER (WHERE p.code = 'D') AS disputed,
        count(*) FILTER (WHERE p.code = 'R') AS reported,
        count(*) FILTER (WHERE p.code = 'F') AS refuted,
        count(*) FILTER (WHERE p.code = 'U') AS unverified,
        count(*) FILTER (WHERE p.code = 'A') AS rearrested
    FROM people p
    WHERE p.value = ANY (%(values)s) -- if values
    GROUP BY p.value
) c ON true
ORDER BY c.value
