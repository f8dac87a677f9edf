-- What the record says from now on.
INSERT INTO verdicts (
    release_event_id, published_from, recorded_from, independent_sources, independent_denials,
    status, since, kinds, reasoning
)
SELECT r.release_event_id, r.published_from, %(recorded_at)s, r.independent_sources,
    r.independent_denials, r.status, r.since, r.kinds, r.reasoning
FROM jsonb_to_recordset(%(rows)s) AS r (
    release_event_id uuid, published_from timestamptz, independent_sources integer,
    independent_denials integer, status text, since timestamptz, kinds jsonb, reasoning jsonb
)
