-- A word that now speaks of another event may be further ahead of its day.
UPDATE leads l SET days = m.days
FROM (
    SELECT max(e.occurred_on - (a.published_at AT TIME ZONE 'UTC')::date) AS days
    FROM attestations a JOIN release_events e ON e.id = a.release_event_id
    WHERE a.release_event_id = ANY (%(release_event_ids)s)
) m
WHERE l.days < m.days
