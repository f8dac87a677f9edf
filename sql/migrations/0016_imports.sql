-- Imports of lists and foreign case files. A preview shows the outcome of each row or entry and changes
-- no record, so it is not in the ledger. It contains names of people: only the key that made it may
-- read it, and it is deleted after a day.

CREATE TABLE imports (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- Null for a command of the operator.
    key_id uuid CONSTRAINT import_is_of_an_api_key REFERENCES api_keys,
    state text NOT NULL CONSTRAINT import_has_a_known_state
        CHECK (state IN ('previewed', 'applied')),
    -- The last ledger entry that the preview took into account.
    ledger_seq bigint NOT NULL,
    file_sha256 bytea NOT NULL,
    -- The attestation of a list's source, on each person of the list; null for other imports.
    attestation jsonb,
    -- How the file of a list was read: its encoding, worksheet, and the lines above its header.
    reading jsonb,
    totals jsonb NOT NULL,
    -- The names of facilities in a list that need a decision, each with the number of its rows, and
    -- the decision once the import is applied.
    facilities jsonb NOT NULL DEFAULT '[]',
    people integer NOT NULL,
    release_events integer NOT NULL,
    attestations integer NOT NULL,
    -- About how many bytes the preview takes in the database.
    stored_bytes bigint NOT NULL DEFAULT 0,
    applied_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX imports_of_file ON imports (file_sha256);
CREATE INDEX imports_by_age ON imports (created_at) WHERE state = 'previewed';
CREATE INDEX previews_of_key ON imports (key_id, created_at) WHERE state = 'previewed';

GRANT SELECT, INSERT, UPDATE, DELETE ON imports TO constancia_service;

CREATE TABLE import_rows (
    import_id uuid NOT NULL
        CONSTRAINT import_row_is_of_an_import REFERENCES imports ON DELETE CASCADE,
    row integer NOT NULL,
    outcome text NOT NULL CONSTRAINT import_row_has_a_known_outcome
        CHECK (outcome IN ('new', 'same', 'possible_duplicate', 'changed', 'invalid')),
    -- The row's properties by the names of the contract; null once the import is applied.
    content jsonb,
    -- SHA-256 of the row. It identifies the same row in another upload of the file.
    digest bytea,
    -- SHA-256 of all cells of a list's row. It identifies the same row in a later version of the list.
    cells_digest bytea,
    -- The person of the row, once decided: a recorded person, or the person of an earlier row.
    detainee_id uuid CONSTRAINT import_row_is_about_a_detainee REFERENCES detainees,
    same_as_row integer,
    -- The number of its rows in import_keys.
    key_count integer,
    -- The other people and earlier rows that may be the same person.
    candidate_ids uuid[] NOT NULL DEFAULT '{}',
    candidate_rows integer[] NOT NULL DEFAULT '{}',
    changes text[] NOT NULL DEFAULT '{}',
    errors jsonb NOT NULL DEFAULT '[]',
    -- The cells that are left out, with the reason.
    ignored jsonb NOT NULL DEFAULT '[]',
    -- The release event that the row attests to, null if new, and its status before and after.
    release_event_id uuid
        CONSTRAINT import_row_attests_to_a_release_event REFERENCES release_events,
    status_from text,
    status_to text,
    decision text,
    -- For an entry of a case file: its kind, its place in the file (RFC 6901), and its record.
    resource text,
    pointer text,
    record_id uuid,
    PRIMARY KEY (import_id, row)
);

CREATE INDEX import_rows_by_digest ON import_rows (digest);
CREATE INDEX import_rows_by_cells_digest ON import_rows (cells_digest);

GRANT SELECT, INSERT, UPDATE ON import_rows TO constancia_service;

-- Whom the person of a row may be now, if the row was applied at a moment: the surviving record, and each
-- person to whom a split, or the undo of a merge that stood then, has since moved records of that person.
-- By the moments of the ledger: `created_at` of a split that waited for the import is before its end.
-- Without a moment every split and every undone merge counts.
CREATE FUNCTION people_since(detainee_id uuid, moment timestamptz) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE people (id, merged_into) AS (
        SELECT d.id, d.merged_into FROM detainees d WHERE d.id = $1
        UNION
        SELECT d.id, d.merged_into
        FROM people p
        CROSS JOIN LATERAL (
            SELECT p.merged_into AS id
            UNION ALL
            SELECT s.new_detainee_id
            FROM splits s JOIN ledger l ON l.resource_id = s.id AND l.action = 'created'
            WHERE s.detainee_id = p.id AND ($2 IS NULL OR l.recorded_at > $2)
            UNION ALL
            SELECT m.detainee_id
            FROM merges m
            JOIN ledger created ON created.resource_id = m.id AND created.action = 'created'
            JOIN ledger undone ON undone.resource_id = m.id AND undone.action = 'undone'
            WHERE m.into_id = p.id
                AND ($2 IS NULL OR created.recorded_at <= $2 AND undone.recorded_at > $2)
        ) o
        JOIN detainees d ON d.id = o.id
    )
    SELECT p.id FROM people p WHERE p.merged_into IS NULL;
END;

-- The hashed name keys and external ids by which rows are looked up for comparison. Unlogged: an import
-- that lost its keys in a crash is not applied, and its preview can be made again.
CREATE UNLOGGED TABLE import_keys (
    import_id uuid NOT NULL,
    key_hash bigint NOT NULL,
    row integer NOT NULL,
    PRIMARY KEY (import_id, key_hash, row)
);

GRANT SELECT, INSERT, DELETE ON import_keys TO constancia_service;

-- The status, before and after the import, of every release event that a case file affects, directly or
-- through an affiliation. A new event has no id yet. `row` is the row of the event, or of the entry
-- that affects it.
CREATE TABLE import_statuses (
    import_id uuid NOT NULL
        CONSTRAINT import_status_is_of_an_import REFERENCES imports ON DELETE CASCADE,
    row integer NOT NULL,
    release_event_id uuid
        CONSTRAINT import_status_is_of_a_release_event REFERENCES release_events,
    status_from text NOT NULL,
    status_to text NOT NULL
);

CREATE INDEX import_statuses_of_import ON import_statuses (import_id, row);

GRANT SELECT, INSERT ON import_statuses TO constancia_service;

-- A previewed case file, in parts; deleted once it is applied.
CREATE TABLE import_files (
    import_id uuid NOT NULL
        CONSTRAINT import_file_is_of_an_import REFERENCES imports ON DELETE CASCADE,
    part integer NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (import_id, part)
);

GRANT SELECT, INSERT, DELETE ON import_files TO constancia_service;

-- The records of case entries with other ids. An entry's id is derived from the name of the case and
-- its key (api/cases/case_file.py), so that a later load or import finds the record.
CREATE TABLE case_entry_links (
    entry_id uuid PRIMARY KEY,
    record_id uuid NOT NULL,
    -- When this was decided: of a person who was split since, the entry may be about another one.
    linked_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE ON case_entry_links TO constancia_service;
