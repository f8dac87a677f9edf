-- Finds the claims of a source with the same figure for the same scope and moment.
SELECT c.id
FROM claims c
WHERE c.source_id IN (SELECT sources_visible_as(%(source_id)s, true)) AND c.kind = %(kind)s
    AND c.published_at = %(published_at)s AND c.as_of = %(as_of)s AND c.qualifier = %(qualifier)s
    AND c.value IS NOT DISTINCT FROM %(value)s
    AND c.window_start IS NOT DISTINCT FROM %(window_start)s
    AND c.facility_id IS NOT DISTINCT FROM %(facility_id)s
    AND c.age_group IS NOT DISTINCT FROM %(age_group)s
    AND c.nationality IS NOT DISTINCT FROM %(nationality)s
    AND c.announcement_id IS NOT DISTINCT FROM %(announcement_id)s
    AND c.voided_at IS NULL
ORDER BY c.recorded_order
