-- A key itself is shown once and never stored: only its SHA-256, by which it is found.
CREATE TABLE keys (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    name text NOT NULL,
    scope text NOT NULL CONSTRAINT key_has_a_known_scope
        CHECK (scope IN ('contribute', 'edit', 'admin')),
    hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
