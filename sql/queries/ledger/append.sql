-- Appends an entry to the ledger for each write, with the row after the write.
-- Updates the head, which numbers the entries. The moment comes from the database's clock and never
-- goes back. An entry is public, and gets a public number, if it changes the record as the public
-- sees it, or if it affects responses about other records (affects_responses). A merge or a split affects
-- them by the entries of its people: its own entry is public only if the public sees it.
-- r has the row of each record (`entry`) and the record as the public sees it (`visible`).
WITH written AS (
    SELECT w.resource, w.resource_id, w.action, w.position,
        CASE WHEN w.action = 'read' THEN '{}' ELSE r.entry END AS entry, r.visible
    FROM unnest(%(resources)s::text[], %(resource_ids)s::uuid[], %(actions)s::text[])
        WITH ORDINALITY AS w (resource, resource_id, action, position)
    LEFT JOIN LATERAL (
        SELECT to_jsonb(s) AS entry,
            (SELECT to_jsonb(v) FROM visible_sources(false) v WHERE v.id = s.id) AS visible
        FROM sources s WHERE w.resource = 'source' AND s.id = w.resource_id
        UNION ALL
        SELECT to_jsonb(a), to_jsonb(a)
        FROM affiliations a WHERE w.resource = 'affiliation' AND a.id = w.resource_id
        UNION ALL
        SELECT to_jsonb(f), to_jsonb(f)
        FROM facilities f WHERE w.resource = 'facility' AND f.id = w.resource_id
        UNION ALL
        SELECT to_jsonb(d),
            (SELECT to_jsonb(v) FROM visible_detainees(false) v WHERE v.id = d.id)
        FROM detainees d WHERE w.resource = 'detainee' AND d.id = w.resource_id
        UNION ALL
        -- With the beginning if the person has several detentions: it decides whether the person was
        -- detained again after a release.
        SELECT to_jsonb(t), (
            SELECT to_jsonb(v) || jsonb_build_object('began', CASE
                WHEN EXISTS (
                    SELECT FROM detentions o
                    WHERE o.detainee_id = t.detainee_id AND o.id <> t.id AND o.voided_at IS NULL
                ) THEN jsonb_build_array(t.began_on, last_day(t.detained_on))
            END)
            FROM visible_detentions(false) v WHERE v.id = t.id
        )
        FROM detentions t WHERE w.resource = 'detention' AND t.id = w.resource_id
        UNION ALL
        SELECT to_jsonb(e),
            (SELECT to_jsonb(v) FROM visible_release_events(false) v WHERE v.id = e.id)
        FROM release_events e WHERE w.resource = 'release_event' AND e.id = w.resource_id
        UNION ALL
        SELECT to_jsonb(c), (SELECT to_jsonb(v) FROM visible_claim(c, false, NULL) v)
        FROM claims c WHERE w.resource = 'claim' AND c.id = w.resource_id
        UNION ALL
        SELECT attestation_entry(a),
            (SELECT to_jsonb(v) FROM visible_attestations(false) v WHERE v.id = a.id)
        FROM attestations a WHERE w.resource = 'attestation' AND a.id = w.resource_id
        UNION ALL
        SELECT to_jsonb(m), (SELECT to_jsonb(v) FROM visible_merges(false) v WHERE v.id = m.id)
        FROM merges m WHERE w.resource = 'merge' AND m.id = w.resource_id
        UNION ALL
        SELECT to_jsonb(s), (SELECT to_jsonb(v) FROM visible_splits(false) v WHERE v.id = s.id)
        FROM splits s WHERE w.resource = 'split' AND s.id = w.resource_id
        UNION ALL
        SELECT to_jsonb(x),
            (SELECT to_jsonb(v) FROM visible_distinctions(false) v WHERE v.id = x.id)
        FROM distinctions x WHERE w.resource = 'distinction' AND x.id = w.resource_id
        UNION ALL
        SELECT to_jsonb(p), NULL
        FROM proposals p WHERE w.resource = 'proposal' AND p.id = w.resource_id
    ) r ON true
), compared AS (
    SELECT w.resource, w.resource_id, w.action, w.position, w.entry, s.public_sha256,
        w.action <> 'read' AND (
            %(affects_responses)s AND w.resource NOT IN ('merge', 'split') OR s.public_sha256 IS DISTINCT FROM (
                SELECT l.public_sha256 FROM ledger l
                WHERE l.resource_id = w.resource_id AND l.action <> 'read'
                ORDER BY l.seq DESC LIMIT 1
            )
        ) AS is_public
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
                OFFSET 0 -- Read the clock once, for both times.
            ) m
        ),
        recorded_by = pg_current_xact_id(),
        -- Before this moment responses can change with time alone (see 0011_ledger.sql).
        volatile_until = (
            SELECT greatest(ledger_head.volatile_until, max(CASE w.resource
                WHEN 'attestation' THEN greatest(
                    (w.entry ->> 'published_at')::timestamptz,
                    (w.entry ->> 'retracted_at')::timestamptz
                )
                WHEN 'detention' THEN detention_began_at(
                    w.entry ->> 'detained_on', NULL, (w.entry ->> 'created_at')::timestamptz
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
