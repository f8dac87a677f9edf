-- Appends an entry to the ledger for each write, with the row after the write.
-- Updates the head, which numbers the entries. The moment comes from the database's clock and never
-- goes back. An entry is public, and gets a public number, if it changes the record as the public
-- sees it, or if it affects responses about other records (affects_responses). A merge or a split, with
-- its distinction, affects them by the entries of its people: its own entry is public only if the public
-- sees it.
WITH written AS (
    SELECT w.resource, w.resource_id, w.action, w.position,
        CASE WHEN w.action = 'read' THEN '{}' ELSE r.entry END AS entry, r.visible
    FROM unnest(%(resources)s::text[], %(resource_ids)s::uuid[], %(actions)s::text[])
        WITH ORDINALITY AS w (resource, resource_id, action, position)
    CROSS JOIN LATERAL written_record(w.resource, w.resource_id) r
), compared AS (
    SELECT w.resource, w.resource_id, w.action, w.position, w.entry, s.public_sha256,
        w.action <> 'read' AND (
            %(affects_responses)s AND w.resource NOT IN ('merge', 'split', 'distinction')
            OR CASE
                WHEN w.action = 'updated' AND h.shown IS NOT NULL AND h.shown_before IS NOT NULL
                    THEN h.shown <> h.shown_before
                WHEN w.resource IN ('merge', 'split', 'distinction') AND w.visible IS NULL THEN false
                ELSE s.public_sha256 IS DISTINCT FROM l.public_sha256
            END
        ) AS is_public
    FROM written w
    CROSS JOIN LATERAL (SELECT sha256(convert_to(w.visible::text, 'UTF8')) AS public_sha256) s
    LEFT JOIN LATERAL (
        SELECT o.public_sha256, o.entry FROM ledger o
        WHERE o.resource_id = w.resource_id AND o.action <> 'read'
        ORDER BY o.seq DESC LIMIT 1
    ) l ON true
    CROSS JOIN LATERAL (
        SELECT shown_of_hidden(w.resource, w.entry) AS shown,
            shown_of_hidden(w.resource, l.entry) AS shown_before
    ) h
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
                WHEN 'claim' THEN greatest(
                    (w.entry ->> 'published_at')::timestamptz, (w.entry ->> 'as_of')::timestamptz
                )
                WHEN 'detention' THEN (w.entry ->> 'created_at')::timestamptz
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
