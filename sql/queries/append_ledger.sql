-- One entry for each write, in its transaction: takes the head, numbers the entries, and keeps
-- each row as it now stands. The clock is the database's, and never runs backwards.
WITH head AS (
    UPDATE ledger_head SET
        seq = seq + cardinality(%(resource_ids)s::uuid[]),
        recorded_at = CASE
            WHEN recorded_by = pg_current_xact_id() THEN recorded_at
            ELSE greatest(clock_timestamp(), recorded_at + interval '1 microsecond')
        END,
        recorded_by = pg_current_xact_id()
    RETURNING old.seq, new.recorded_at
), entries AS (
    INSERT INTO ledger (seq, recorded_at, resource, resource_id, action, actor, entry)
    SELECT h.seq + w.position, h.recorded_at, w.resource, w.resource_id, w.action, %(actor)s,
        CASE w.resource
            WHEN 'source' THEN (SELECT to_jsonb(r) FROM sources r WHERE r.id = w.resource_id)
            WHEN 'affiliation' THEN
                (SELECT to_jsonb(r) FROM affiliations r WHERE r.id = w.resource_id)
            WHEN 'facility' THEN
                (SELECT to_jsonb(r) FROM facilities r WHERE r.id = w.resource_id)
            WHEN 'detainee' THEN (SELECT to_jsonb(r) FROM detainees r WHERE r.id = w.resource_id)
            WHEN 'detention' THEN
                (SELECT to_jsonb(r) FROM detentions r WHERE r.id = w.resource_id)
            WHEN 'release_event' THEN
                (SELECT to_jsonb(r) FROM release_events r WHERE r.id = w.resource_id)
            WHEN 'claim' THEN (SELECT to_jsonb(r) FROM claims r WHERE r.id = w.resource_id)
            WHEN 'attestation' THEN (
                SELECT to_jsonb(r) || jsonb_build_object('relays', (
                    SELECT coalesce(jsonb_agg(jsonb_build_object(
                        'attestation_id', l.relayed_attestation_id,
                        'source_id', l.relayed_source_id
                    ) ORDER BY l.relayed_attestation_id, l.relayed_source_id), '[]')
                    FROM relays l WHERE l.attestation_id = r.id
                ))
                FROM attestations r WHERE r.id = w.resource_id
            )
        END
    FROM head h,
        unnest(%(resources)s::text[], %(resource_ids)s::uuid[], %(actions)s::text[])
            WITH ORDINALITY AS w (resource, resource_id, action, position)
)
SELECT h.recorded_at FROM head h
