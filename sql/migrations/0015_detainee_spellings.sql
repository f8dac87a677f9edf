-- What a person's names have in common with other spellings of them (api/full_names.py): who shares
-- none of these keys with a name is not compared with it.
CREATE TABLE detainee_spellings (
    spelling text NOT NULL,
    detainee_id uuid NOT NULL CONSTRAINT spelling_is_of_a_detainee REFERENCES detainees,
    PRIMARY KEY (spelling, detainee_id)
);

CREATE INDEX detainee_spellings_of_detainee ON detainee_spellings (detainee_id);
CREATE INDEX detainees_by_external_id ON detainees USING gin (external_ids jsonb_path_ops);
