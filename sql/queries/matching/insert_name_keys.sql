-- Inserts the name keys of people and returns the words that no name had before.
-- Keys and words of hidden people are separate. All their words are returned, so that the time of a
-- write tells less about the words of other hidden people.
WITH person AS (
    SELECT p.id, p.hidden, p.birth_date, k.name_keys, k.words, k.wholes
    FROM jsonb_to_recordset(%(people)s)
        AS k (id uuid, name_keys text[], words text[], wholes text[])
    CROSS JOIN LATERAL (
        -- OFFSET 0: look up each person, whatever number of rows the planner expects.
        SELECT d.id, is_hidden(d.age_group, d.withheld) AS hidden,
            coalesce(d.birth_date, '-infinity') AS birth_date
        FROM detainees d WHERE d.id = k.id
        OFFSET 0
    ) p
), added AS (
    INSERT INTO name_keys (name_key, hidden, birth_date, detainee_id)
    SELECT s.name_key, p.hidden, p.birth_date, p.id
    FROM person p CROSS JOIN LATERAL unnest(p.name_keys) s (name_key)
    ON CONFLICT DO NOTHING
)
SELECT DISTINCT p.hidden, w.word
FROM person p CROSS JOIN LATERAL unnest(p.words, p.wholes) w (word, whole)
WHERE p.hidden OR NOT EXISTS (
    SELECT FROM name_word_variants d
    WHERE d.variant = w.whole AND d.hidden = p.hidden AND d.word = w.word
    OFFSET 0 -- Look up each word, even if the table was small when the query was planned.
)
