-- Lists the input of counting for each person, and the stored person statuses.
-- The input is the detentions, the release events with their verdicts, and the disclosed properties.
SELECT d.id AS detainee_id, is_hidden(d.age_group, d.withheld) AS is_hidden,
    p.sex, p.age_group, p.nationalities,
    (
        SELECT coalesce(json_agg(json_build_object(
            'id', t.id,
            'facility_id',
                disclosed_facility(d.age_group, d.withheld, t.facility_id, 'infinity')
        )), '[]')
        FROM detentions t WHERE t.detainee_id = d.id AND t.voided_at IS NULL
    ) AS detentions,
    (
        SELECT coalesce(json_agg(json_build_object(
            'id', e.id, 'detention_id', e.detention_id, 'occurred_on', e.occurred_on,
            'announcement_id', e.announcement_id,
            'detained_again_at', (
                SELECT rfc3339(a.began_at)
                FROM detained_again_at(e.detainee_id, e.detention_id, e.occurred_on) a
            ),
            'verdicts', (
                SELECT coalesce(json_agg(json_build_object(
                    'published_from', rfc3339(v.published_from),
                    'independent_sources', v.independent_sources,
                    'independent_denials', v.independent_denials, 'kinds', v.kinds
                )), '[]')
                FROM verdicts v
                WHERE v.release_event_id = e.id AND v.recorded_until = 'infinity'
            )
        )), '[]')
        FROM release_events e WHERE e.detainee_id = d.id AND e.voided_at IS NULL
    ) AS release_events,
    (
        SELECT coalesce(json_agg(json_build_object(
            'published_from', rfc3339(s.published_from), 'status_codes', s.status_codes,
            'groups', s.groups
        ) ORDER BY s.published_from), '[]')
        FROM person_statuses s
        WHERE s.detainee_id = d.id AND s.recorded_until = 'infinity'
    ) AS person_statuses
FROM detainees d CROSS JOIN LATERAL disclosed_person(d, 'infinity') p
WHERE d.id = ANY (%(detainee_ids)s)
