-- Lists release events with the summaries of their verdicts.
SELECT e.id, NULL::uuid AS merged_into, e.detainee_id, e.detainee, e.detention_id, e.occurred_on,
    e.place, e.announcement_id,
    coalesce((
        SELECT s.verification FROM verification_summaries s
        WHERE s.release_event_id = e.id ORDER BY s.published_from DESC LIMIT 1
    ), nothing_attested()) AS verification,
    e.voided_at, e.void_reason, e.created_at, e.updated_at, e.is_hidden
FROM release_events_with_person(%(sees_hidden)s) e
WHERE true
    AND e.id = %(id)s -- if id
    AND e.id = ANY (%(ids)s) -- if ids
    AND e.detainee_id = %(detainee_id)s -- if detainee_id
    AND e.announcement_id = %(announcement_id)s -- if announcement_id
    AND e.id = ANY (ARRAY(SELECT r.id FROM release_events_of_announced_people(%(case_of)s) r)) -- if case_of
    AND e.voided_at IS NULL -- unless id
    AND e.id > %(after)s -- if after
ORDER BY e.id
LIMIT %(limit)s
