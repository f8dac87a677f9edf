-- A case that is previewed, whole and in parts; gone when it is applied.
CREATE TABLE import_files (
    import_id uuid NOT NULL
        CONSTRAINT file_is_of_an_import REFERENCES imports ON DELETE CASCADE,
    part integer NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (import_id, part)
);

GRANT SELECT, INSERT, DELETE ON import_files TO constancia_service;
