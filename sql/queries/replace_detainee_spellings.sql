-- The keys by which other spellings of a person's names are found become these.
WITH gone AS (
    DELETE FROM detainee_spellings
    WHERE detainee_id = %(detainee_id)s AND spelling <> ALL (%(spellings)s)
)
INSERT INTO detainee_spellings (spelling, detainee_id)
SELECT s.spelling, %(detainee_id)s FROM unnest(%(spellings)s::text[]) s (spelling)
ON CONFLICT DO NOTHING
