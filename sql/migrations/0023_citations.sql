-- Pinned citations: the answers whose addresses somebody published.

-- A citation states nothing about releases and changes no answer, so the ledger has no entry of it. It
-- holds the question, with all its moments, and the digest of the answer, but not the answer: that is
-- the same whenever it is asked for, except that it then lacks a name that became hidden.
CREATE TABLE citations (
    id uuid PRIMARY KEY,
    url text NOT NULL,
    sha256 text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The same answer, cited again, has the same citation.
    UNIQUE (url, sha256)
);

GRANT SELECT, INSERT ON citations TO constancia_service;
