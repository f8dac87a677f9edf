-- The words by which a person is found become these.
WITH gone AS (
    DELETE FROM detainee_words WHERE detainee_id = %(detainee_id)s AND word <> ALL (%(words)s)
)
INSERT INTO detainee_words (word, detainee_id)
SELECT w.word, %(detainee_id)s FROM unnest(%(words)s::text[]) w (word)
ON CONFLICT DO NOTHING
