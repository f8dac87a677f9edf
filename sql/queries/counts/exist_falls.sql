-- Tells whether the latest verdicts let a release event cease to be confirmed after a publication time.
-- Without one no confirmed figure went down since then.
SELECT EXISTS (
    SELECT FROM verdicts v
    WHERE v.published_from > %(after)s AND v.recorded_until = 'infinity'
        AND status_of_kind(
            v.independent_sources, v.independent_denials, v.kinds, %(kind)s, %(min_sources)s
        ) IS DISTINCT FROM 'confirmed'
        AND (
            SELECT status_of_kind(
                o.independent_sources, o.independent_denials, o.kinds, %(kind)s, %(min_sources)s
            )
            FROM verdicts o
            WHERE o.release_event_id = v.release_event_id AND o.published_from < v.published_from
                AND o.recorded_until = 'infinity'
            ORDER BY o.published_from DESC
            LIMIT 1
        ) = 'confirmed'
) AS exist
