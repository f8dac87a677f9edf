-- Lists of people that somebody sent to be entered. A preview says what would become of each row
-- and writes nothing else; it is not in the ledger, since nothing was said yet. It holds people's
-- names, so it is for who sent it alone, and is dropped after a day.
CREATE TABLE imports (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    -- Null for the operator's own command.
    key_id uuid CONSTRAINT import_is_of_a_key REFERENCES keys,
    state text NOT NULL CONSTRAINT import_has_a_known_state
        CHECK (state IN ('previewed', 'applied')),
    -- The last entry of the ledger that the preview knew of.
    ledger_seq bigint NOT NULL,
    file_sha256 bytea NOT NULL,
    -- What the source of a list of released people says of all of them; null for a list of people.
    word jsonb,
    totals jsonb NOT NULL,
    people integer NOT NULL,
    release_events integer NOT NULL,
    attestations integer NOT NULL,
    applied_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX imports_of_file ON imports (file_sha256);
CREATE INDEX imports_by_age ON imports (created_at) WHERE state = 'previewed';

CREATE TABLE import_rows (
    import_id uuid NOT NULL
        CONSTRAINT row_is_of_an_import REFERENCES imports ON DELETE CASCADE,
    row integer NOT NULL,
    outcome text NOT NULL CONSTRAINT row_has_a_known_outcome
        CHECK (outcome IN ('new', 'same', 'possible_duplicate', 'changed', 'invalid')),
    -- What the row says, by the contract's names; gone when the import is applied.
    said jsonb,
    -- By which the same row of the same file is known again.
    digest bytea,
    -- Who the row speaks of, if that is known: somebody recorded, or whoever an earlier row makes.
    detainee_id uuid CONSTRAINT row_speaks_of_a_detainee REFERENCES detainees,
    same_as_row integer,
    -- By how many keys it is found.
    keys integer,
    -- Who else it may speak of.
    people uuid[] NOT NULL DEFAULT '{}',
    rows integer[] NOT NULL DEFAULT '{}',
    changes text[] NOT NULL DEFAULT '{}',
    faults jsonb NOT NULL DEFAULT '[]',
    -- The release event that it attests to, null for a new one, and its status before and after.
    release_event_id uuid
        CONSTRAINT row_attests_to_a_release_event REFERENCES release_events,
    status_from text,
    status_to text,
    decision text,
    PRIMARY KEY (import_id, row)
);

CREATE INDEX import_rows_by_digest ON import_rows (digest);

-- By which keys of spelling, and which identifiers, a row is found: hashed, since they only have to
-- find what is then compared. Not logged, since a preview is easily made again; without them an
-- import is not applied.
CREATE UNLOGGED TABLE import_spellings (
    import_id uuid NOT NULL,
    spelling bigint NOT NULL,
    row integer NOT NULL,
    PRIMARY KEY (import_id, spelling, row)
);
