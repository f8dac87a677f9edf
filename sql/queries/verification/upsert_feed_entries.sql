-- What is said of these events has changed: those of which it ever was more than reported.
INSERT INTO feed_entries (release_event_id, recorded_at)
SELECT DISTINCT r.release_event_id, %(recorded_at)s::timestamptz
FROM jsonb_to_recordset(%(rows)s) AS r (release_event_id uuid, status text)
WHERE r.status IN ('confirmed', 'disputed', 'refuted')
    OR EXISTS (SELECT FROM feed_entries f WHERE f.release_event_id = r.release_event_id)
ON CONFLICT (release_event_id) DO UPDATE SET recorded_at = excluded.recorded_at
