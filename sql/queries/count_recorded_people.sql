-- People by standing at any publication time, as the record had it at a moment of its own.
SELECT a.as_of, a.recorded_as_of, a.required AS min_sources,
    count(*) FILTER (WHERE p.letter IN ('C', 'A')) AS confirmed,
    count(*) FILTER (WHERE p.letter = 'D') AS disputed,
    count(*) FILTER (WHERE p.letter = 'R') AS reported,
    count(*) FILTER (WHERE p.letter = 'F') AS refuted,
    count(*) FILTER (WHERE p.letter = 'U') AS unverified,
    count(*) FILTER (WHERE p.letter = 'A') AS rearrested
FROM (
    SELECT %(as_of)s::timestamptz AS as_of, -- if as_of
    SELECT now() AS as_of, -- unless as_of
        %(recorded_as_of)s::timestamptz AS recorded_as_of, %(min_sources)s::integer AS required
) a
LEFT JOIN LATERAL (
    SELECT DISTINCT ON (s.detainee_id) substr(s.standing, a.required, 1) AS letter
    FROM standings s
    WHERE s.published_from <= a.as_of
        AND s.recorded_from <= a.recorded_as_of AND a.recorded_as_of < s.recorded_until
    ORDER BY s.detainee_id, s.published_from DESC
) p ON true
GROUP BY a.as_of, a.recorded_as_of, a.required
