-- Gets the moments of a list of people who count, and whether the record has changed since.
-- A list as of now keeps these moments, so that it does not change while it is read page by page.
SELECT rfc3339(coalesce(%(as_of)s::timestamptz, greatest(now(), h.recorded_at))) AS as_of,
    rfc3339(m.moment) AS recorded_as_of, h.public_recorded_at > m.moment AS has_changed
FROM ledger_head h
CROSS JOIN LATERAL (
    SELECT coalesce(
        %(recorded_as_of)s::timestamptz,
        CASE WHEN %(sees_hidden)s::boolean THEN h.recorded_at ELSE h.public_recorded_at END
    ) AS moment
) m
