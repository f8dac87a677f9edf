-- By which rules the keys of spelling were made (api/spellings.py): when they change, everybody is
-- spelled again, or who was recorded before would not be found.
CREATE TABLE spelling_rules (
    one_row boolean PRIMARY KEY DEFAULT true CONSTRAINT spelling_rules_are_one_row CHECK (one_row),
    sha256 bytea NOT NULL
);

GRANT SELECT ON spelling_rules TO constancia_service;
