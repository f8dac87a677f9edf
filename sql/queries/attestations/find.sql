-- Finds equal attestations of a source on a release event, published at the same moment.
SELECT a.id
FROM attestations a
WHERE a.release_event_id = %(release_event_id)s 
    AND a.source_id IN (SELECT sources_visible_as(%(source_id)s, true))
    AND a.stance = %(stance)s AND a.basis = %(basis)s AND a.published_at = %(published_at)s
    AND a.release_kind = %(release_kind)s AND a.voided_at IS NULL
ORDER BY a.recorded_order
