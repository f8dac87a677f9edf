-- Appends an entry to the ledger for each write, with the row after the write.
-- Updates the head, which numbers the entries. The moment comes from the database's clock and never
-- goes back. An entry is public, and gets a public number, if it changes the record as the public
-- sees it, or if it affects responses about other records (changes_answers).
WITH written AS (
    SELECT w.resource, w.resource_id, w.action, w.position,
        CASE
            WHEN w.action = 'read' THEN '{}'
            WHEN w.resource = 'source' THEN
                (SELECT to_jsonb(r) FROM sources r WHERE r.id = w.resource_id)
            WHEN w.resource = 'affiliation' THEN
                (SELECT to_jsonb(r) FROM affiliations r WHERE r.id = w.resource_id)
            WHEN w.resource = 'facility' THEN
                (SELECT to_jsonb(r) FROM facilities r WHERE r.id = w.resource_id)
            WHEN w.resource = 'detainee' THEN
                (SELECT to_jsonb(r) FROM detainees r WHERE r.id = w.resource_id)
            WHEN w.resource = 'detention' THEN
                (SELECT to_jsonb(r) FROM detentions r WHERE r.id = w.resource_id)
            WHEN w.resource = 'release_event' THEN
                (SELECT to_jsonb(r) FROM release_events r WHERE r.id = w.resource_id)
            WHEN w.resource = 'claim' THEN
                (SELECT to_jsonb(r) FROM claims r WHERE r.id = w.resource_id)
            WHEN w.resource = 'merge' THEN
                (SELECT to_jsonb(r) FROM merges r WHERE r.id = w.resource_id)
            WHEN w.resource = 'distinction' THEN
                (SELECT to_jsonb(r) FROM distinctions r WHERE r.id = w.resource_id)
            WHEN w.resource = 'attestation' THEN (
                SELECT to_jsonb(r) || jsonb_build_object('relays', (
                    SELECT coalesce(jsonb_agg(jsonb_build_object(
                        'attestation_id', l.relayed_attestation_id,
                        'source_id', l.relayed_source_id
                    ) ORDER BY l.relayed_attestation_id, l.relayed_source_id), '[]')
                    FROM attestation_relays l WHERE l.attestation_id = r.id
                ))
                FROM attestations r WHERE r.id = w.resource_id
            )
        END AS entry,
        CASE w.resource
            WHEN 'source' THEN
                (SELECT to_jsonb(r) FROM visible_sources(false) r WHERE r.id = w.resource_id)
            WHEN 'affiliation' THEN
                (SELECT to_jsonb(r) FROM affiliations r WHERE r.id = w.resource_id)
            WHEN 'facility' THEN
                (SELECT to_jsonb(r) FROM facilities r WHERE r.id = w.resource_id)
            WHEN 'detainee' THEN
                (SELECT to_jsonb(r) FROM visible_detainees(false) r WHERE r.id = w.resource_id)
            WHEN 'detention' THEN
                -- With the beginning if the person has several detentions: their order decides
                -- whether the person was detained again after a release.
                (
                    SELECT to_jsonb(r) || jsonb_build_object('began', (
                        SELECT jsonb_build_array(
                            t.began_on, detention_began_at(t.detained_on, t.began_on, t.created_at)
                        )
                        FROM detentions t
                        WHERE t.id = r.id AND EXISTS (
                            SELECT FROM detentions o
                            WHERE o.detainee_id = t.detainee_id AND o.id <> t.id
                        )
                    ))
                    FROM visible_detentions(false) r WHERE r.id = w.resource_id
                )
            WHEN 'release_event' THEN
                (SELECT to_jsonb(r) FROM visible_release_events(false) r WHERE r.id = w.resource_id)
            WHEN 'claim' THEN (
                SELECT to_jsonb(r) FROM claims c CROSS JOIN LATERAL visible_claim(c, false) r
                WHERE c.id = w.resource_id
            )
            WHEN 'merge' THEN
                (SELECT to_jsonb(r) FROM merges r WHERE r.id = w.resource_id)
            WHEN 'distinction' THEN
                (SELECT to_jsonb(r) FROM distinctions r WHERE r.id = w.resource_id)
            WHEN 'attestation' THEN
                (SELECT to_jsonb(r) FROM visible_attestations(false) r WHERE r.id = w.resource_id)
        END AS visible
    FROM unnest(%(resources)s::text[], %(resource_ids)s::uuid[], %(actions)s::text[])
        WITH ORDINALITY AS w (resource, resource_id, action, position)
), compared AS (
    SELECT w.resource, w.resource_id, w.action, w.position, w.entry, s.public_sha256,
        w.action <> 'read' AND (%(changes_answers)s OR s.public_sha256 IS DISTINCT FROM (
            SELECT l.public_sha256 FROM ledger l WHERE l.resource_id = w.resource_id AND l.action <> 'read'
            ORDER BY l.seq DESC LIMIT 1
        )) AS is_public
    FROM written w
    CROSS JOIN LATERAL (SELECT sha256(convert_to(w.visible::text, 'UTF8')) AS public_sha256) s
), head AS (
    UPDATE ledger_head SET
        seq = seq + cardinality(%(resource_ids)s::uuid[]),
        public_seq = public_seq + (SELECT count(*) FROM compared c WHERE c.is_public),
        (recorded_at, public_recorded_at) = (
            SELECT m.moment, CASE
                WHEN EXISTS (SELECT FROM compared c WHERE c.is_public) THEN m.moment
                ELSE ledger_head.public_recorded_at
            END
            FROM (
                SELECT CASE
                    WHEN ledger_head.recorded_by = pg_current_xact_id() THEN ledger_head.recorded_at
                    ELSE greatest(
                        clock_timestamp(), ledger_head.recorded_at + interval '1 microsecond'
                    )
                END AS moment
                OFFSET 0 -- Keeps this a subquery, so that the clock is read once for both times.
            ) m
        ),
        recorded_by = pg_current_xact_id(),
        -- Until then responses change with time alone (see 0011_ledger.sql).
        volatile_until = (
            SELECT greatest(ledger_head.volatile_until, max(CASE w.resource
                WHEN 'attestation' THEN greatest(
                    (w.entry ->> 'published_at')::timestamptz,
                    (w.entry ->> 'retracted_at')::timestamptz
                )
                WHEN 'detention' THEN detention_began_at(
                    w.entry ->> 'detained_on',
                    (w.entry ->> 'began_on')::date,
                    (w.entry ->> 'created_at')::timestamptz
                )
            END))
            FROM written w
        )
    RETURNING old.seq, old.public_seq, new.recorded_at
), entries AS (
    INSERT INTO ledger (
        seq, public_seq, recorded_at, resource, resource_id, action, actor, entry, public_sha256
    )
    SELECT h.seq + c.position,
        CASE WHEN c.is_public THEN
            h.public_seq + count(*) FILTER (WHERE c.is_public) OVER (ORDER BY c.position)
        END,
        h.recorded_at, c.resource, c.resource_id, c.action, %(actor)s, c.entry, c.public_sha256
    FROM head h, compared c
)
SELECT h.recorded_at FROM head h
