-- Lists the times at which a source confirmed some release events.
SELECT a.release_event_id, a.published_at
FROM attestations a
WHERE a.release_event_id = ANY (%(release_event_ids)s) 
    AND a.source_id IN (SELECT sources_visible_as(%(source_id)s, true))
    AND a.stance = 'confirms' AND a.voided_at IS NULL
