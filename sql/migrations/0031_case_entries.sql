-- Entries of cases that others made, which turned out to be records that were there already. An
-- entry's own id, which follows from the case's name and its key, stands for that record from then on.
CREATE TABLE case_entries (
    id uuid PRIMARY KEY,
    record_id uuid NOT NULL
);

-- Of a row of an import that is an entry of a case: what it is, where it stands in the file
-- (RFC 6901), and the record that it is or has become.
ALTER TABLE import_rows
    ADD COLUMN resource text,
    ADD COLUMN place text,
    ADD COLUMN record_id uuid;

GRANT SELECT, INSERT ON case_entries TO constancia_service;
