-- Inserts the statuses, before and after, of the release events that a case file affects.
INSERT INTO import_statuses (import_id, row, release_event_id, status_from, status_to)
SELECT %(import_id)s, s.row, s.release_event_id, s.status_from, s.status_to
FROM jsonb_to_recordset(%(statuses)s)
    AS s (row integer, release_event_id uuid, status_from text, status_to text)
