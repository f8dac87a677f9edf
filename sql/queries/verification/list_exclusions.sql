-- Why an event's attestations are not counted, as the record has it.
SELECT n.attestation_id::text, n.published_from, n.reason
FROM verdict_exclusions n
WHERE n.release_event_id = %(release_event_id)s AND n.recorded_until = 'infinity'
ORDER BY n.published_from
