-- The release events that ever were confirmed, disputed or refuted, by when the record last changed
-- what is said of them: also what is taken back, which who follows has to learn.
CREATE TABLE feed_entries (
    release_event_id uuid PRIMARY KEY
        CONSTRAINT feed_entry_is_of_a_release_event REFERENCES release_events,
    recorded_at timestamptz NOT NULL
);

CREATE INDEX feed_entries_by_record ON feed_entries (recorded_at, release_event_id);

INSERT INTO feed_entries
SELECT v.release_event_id, max(v.recorded_from)
FROM verdicts v
GROUP BY v.release_event_id
HAVING bool_or(v.status IN ('confirmed', 'disputed', 'refuted'));
