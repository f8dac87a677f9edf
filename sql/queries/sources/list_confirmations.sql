-- Lists the times at which a source confirmed some release events.
SELECT a.release_event_id, a.published_at
FROM attestations a
WHERE a.release_event_id = ANY (%(release_event_ids)s) AND a.source_id = %(source_id)s
    AND a.stance = 'confirms' AND a.voided_at IS NULL
