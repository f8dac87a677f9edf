-- What became of a release, in the order in which it was recorded.
CREATE INDEX verdicts_by_record ON verdicts (recorded_from, published_from, release_event_id)
    WHERE recorded_until = 'infinity' AND since = published_from
        AND status IN ('confirmed', 'disputed', 'refuted');
