"""A large store: SIZE records of each kind.

PostgreSQL chooses between an index and a sort by the part of the store that a page is. A page of
PAGE is the part of this store that the largest page, 200, is of a store of 100,000, which took 40 s
of CPU time to fill instead of 11 s.
"""

from api.database import queries

SIZE = 25_000
PAGE = 50
LISTED = 626


def fill(conn: queries.Connection, size: int, listed: int) -> None:
    """Insert `size` people, each with a detention, a release event and an attestation, and as many
    sources, facilities and claims. All people share a name and each has a rare one. Of every ten
    claims one is an announcement and seven are of releases; few are of one facility. People
    from the number `listed` on have no status, and the ledger has no entry of them."""
    # No triggers and no checks of foreign keys, row by row.
    conn.execute("SET session_replication_role = replica")
    conn.execute("SET synchronous_commit = off")
    numbers = f"generate_series(1, {size}) AS n"
    record_id = "(lpad(to_hex(n), 8, '0') || '-0000-4%s-8000-000000000000')::uuid"
    ids = {
        table: record_id % f"{kind:03}"
        for kind, table in enumerate(
            [
                *("source", "facility", "detainee", "detention", "event", "attestation"),
                *("affiliation", "claim", "proposal"),
            ]
        )
    }
    # Three sources make the claims, which count four announcements.
    sources = ids["source"].replace("(n)", "(n % 3 + 1)")
    announcements = ids["claim"].replace("(n)", "(n % 4 * 10 + 10)")
    for statement in (
        f"INSERT INTO sources (id, name, kind) SELECT {ids['source']}, 'Source ' || n, 'ngo'"
        f" FROM {numbers}",
        f"INSERT INTO source_keys (key, source_id) SELECT k.key, {ids['source']} FROM {numbers},"
        f" LATERAL (VALUES ('= source ' || n), ('source'), (n::text)) k (key)",
        f"INSERT INTO affiliations (id, source_id, with_source_id, relation)"
        f" SELECT {ids['affiliation']}, {ids['source']},"
        f" {ids['source'].replace('(n)', '(n + 1)')}, 'owned_by' FROM {numbers} WHERE n % 2 = 1",
        f"INSERT INTO facilities (id, name, country) SELECT {ids['facility']}, 'Facility ' || n,"
        f" CASE WHEN n % 1000 = 5 THEN 'CO' ELSE 'VE' END FROM {numbers}",
        f"INSERT INTO facility_keys (key, facility_id) SELECT k.key, {ids['facility']}"
        f" FROM {numbers}, LATERAL (VALUES ('= facility ' || n), ('facility'), (n::text)) k (key)",
        f"INSERT INTO detainees (id, name, age_group, sex, nationalities) SELECT"
        f" {ids['detainee']}, 'Ana ' || n, CASE WHEN n % 50 = 0 THEN 'minor' ELSE 'adult' END,"
        f" 'female', '{{VE}}' FROM {numbers}",
        f"INSERT INTO name_keys (name_key, hidden, birth_date, detainee_id)"
        f" SELECT w, n % 50 = 0, '-infinity', {ids['detainee']}"
        f" FROM {numbers}, LATERAL (VALUES ('ana'), ('=ana')) v (w)",
        f"INSERT INTO name_word_variants (variant, hidden, word)"
        f" SELECT 'o' || n, n % 50 = 0, 'otero' || n FROM {numbers}",
        f"INSERT INTO detentions (id, detainee_id, facility_id, began_on, whereabouts)"
        f" SELECT {ids['detention']}, {ids['detainee']}, {ids['facility']}, '0001-01-01', 'known'"
        f" FROM {numbers}",
        f"INSERT INTO facility_detentions (facility_id, hidden_group, detention_id) SELECT"
        f" {ids['facility']}, CASE WHEN n % 50 = 0 THEN 'minor' ELSE '' END, {ids['detention']}"
        f" FROM {numbers}",
        f"INSERT INTO release_events (id, detainee_id, detention_id, occurred_on, created_at)"
        f" SELECT {ids['event']}, {ids['detainee']}, {ids['detention']},"
        f" '2025-01-01'::date + n % 365, '2026-01-02'"
        f" FROM {numbers}",
        f"INSERT INTO attestations (id, release_event_id, source_id, stance, basis, release_kind,"
        f" evidence, published_at) SELECT {ids['attestation']}, {ids['event']}, {ids['source']},"
        f" 'confirms', 'first_hand', 'unknown', 'report', '2026-01-01' FROM {numbers}",
        "INSERT INTO attestation_relays"
        " (attestation_id, release_event_id, stance, relayed_source_id)"
        f" SELECT {ids['attestation']}, {ids['event']}, 'confirms', {ids['source']} FROM {numbers}",
        f"INSERT INTO verdicts (release_event_id, published_from, recorded_from,"
        f" independent_sources, independent_denials, status, since, kinds, rests_on)"
        f" SELECT {ids['event']}, '2026-01-01', '2026-01-02'::timestamptz + n * interval '1 s',"
        f" CASE WHEN n % 10 = 0 THEN 2 ELSE 1 END, 0,"
        f" CASE WHEN n % 10 = 0 THEN 'confirmed' ELSE 'reported' END, '2026-01-01',"
        f" '{{\"full\": 1}}',"
        f" '[]' FROM {numbers}",
        f"INSERT INTO verdict_parts (release_event_id, attestation_id, published_from,"
        f" recorded_from, chain) SELECT {ids['event']}, {ids['attestation']}, '2026-01-01',"
        f" '2026-01-02'::timestamptz + n * interval '1 s',"
        f" jsonb_build_array(jsonb_build_array({ids['source']})) FROM {numbers}",
        "INSERT INTO first_verdicts SELECT v.release_event_id, e.occurred_on, v.published_from"
        " FROM verdicts v JOIN release_events e ON e.id = v.release_event_id",
        "INSERT INTO release_event_statuses SELECT status_codes(v.independent_sources,"
        " v.independent_denials), v.release_event_id, true FROM verdicts v",
        f"INSERT INTO detainee_values SELECT v.property, v.value,"
        f" CASE WHEN n % 10 = 0 THEN 'released' ELSE 'detained' END,"
        f" CASE WHEN n % 50 = 0 THEN 'minor' ELSE '' END,"
        f" {ids['detainee']} FROM {numbers}, LATERAL (VALUES ('', ''), ('nationality', 'VE'),"
        f" ('facility_id', {ids['facility']}::text)) v (property, value)",
        "INSERT INTO feed_entries SELECT release_event_id, recorded_from FROM verdicts",
        f"INSERT INTO person_statuses (detainee_id, published_from, recorded_from, status_codes,"
        f" groups) SELECT {ids['detainee']}, '2026-01-01', '2026-01-02', CASE WHEN n % 10 = 0"
        f' THEN \'CCRRR\' ELSE \'CRRRR\' END, \'{{"age_group": "adult", "sex": "female"}}\''
        f" FROM {numbers} WHERE n < {listed}",
        f"INSERT INTO claims (id, source_id, kind, value, qualifier, as_of, published_at,"
        f" facility_id, age_group, nationality, announcement_id, relays, origins)"
        f" SELECT {ids['claim']}, {sources}, CASE n % 10 WHEN 0 THEN 'announced'"
        f" WHEN 1 THEN 'detained' WHEN 2 THEN 'whereabouts_unknown' ELSE 'released' END, n,"
        f" 'exact', '2025-01-01'::timestamptz + n % 8000 * interval '1 h', '2026-01-02',"
        f" CASE WHEN n % 1000 = 3 THEN {ids['facility']} END,"
        f" CASE WHEN n % 100 = 4 THEN 'minor' END, CASE WHEN n % 1000 = 5 THEN 'ES' END,"
        f" CASE WHEN n % 10 > 2 THEN {announcements} END, '[]', '[]' FROM {numbers}",
        f"INSERT INTO proposals (id, key_id, resource, detainee_id, action, body)"
        f" SELECT {ids['proposal']}, {ids['source']}, 'detention', {ids['detainee']}, 'create',"
        f" '{{}}' FROM {numbers}",
        f"INSERT INTO ledger (seq, public_seq, recorded_at, resource, resource_id, action, entry)"
        f" SELECT n, n, '2026-01-02', 'source', {ids['source']}, 'created',"
        f" jsonb_build_object('name', 'Source ' || n) FROM {numbers}",
        f"INSERT INTO ledger (seq, public_seq, recorded_at, resource, resource_id, action, entry)"
        f" SELECT {size} + n, {size} + n, '2026-01-02', 'claim', c.id, 'created', to_jsonb(c)"
        f" FROM (SELECT row_number() OVER (ORDER BY id) AS n, * FROM claims) c",
        # The first people, whom the tests list, with their detentions and release events.
        "INSERT INTO ledger (seq, recorded_at, resource, resource_id, action, entry)"
        f" SELECT {2 * size} + row_number() OVER (), '2026-01-02', r.resource,"
        " (r.entry ->> 'id')::uuid, 'created', r.entry FROM ("
        "  SELECT 'detainee' AS resource, to_jsonb(d) AS entry FROM detainees d"
        "  UNION ALL SELECT 'detention', to_jsonb(t) FROM detentions t"
        "  UNION ALL SELECT 'release_event', to_jsonb(e) FROM release_events e"
        f" ) r WHERE r.entry ->> 'id' < '{listed:08x}'",
        f"UPDATE ledger_head SET seq = 2 * {size} + 3 * {listed}, public_seq = 2 * {size},"
        f" recorded_at = '2026-01-04', public_recorded_at = '2026-01-04'",
    ):
        conn.execute(statement)
    conn.execute("RESET ALL")
    # Reads 90,000 rows of each table, which is all of them. Statistics of a random part of them
    # would give other plans now and then.
    conn.execute("SET default_statistics_target = 300")
    conn.execute("VACUUM ANALYZE")
    conn.execute("RESET default_statistics_target")


def record_id(kind: int, number: int = 5) -> str:
    return f"{number:08x}-0000-4{kind:03}-8000-000000000000"
