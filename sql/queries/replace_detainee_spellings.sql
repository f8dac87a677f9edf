-- The keys by which other spellings of a person's names are found become these, as of somebody who
-- is hidden or is not, and was born on that day. Gives which of these words no name held before, of
-- people who are hidden as the person is.
WITH person AS (
    SELECT d.id, is_hidden(d.age_group, d.withheld) AS hidden,
        coalesce(d.birth_date, '-infinity') AS born
    FROM detainees d WHERE d.id = %(detainee_id)s
), gone AS (
    DELETE FROM detainee_spellings s USING person p
    WHERE s.detainee_id = p.id
        AND (s.spelling <> ALL (%(spellings)s) OR s.hidden <> p.hidden OR s.born <> p.born)
), added AS (
    INSERT INTO detainee_spellings (spelling, hidden, born, detainee_id)
    SELECT s.spelling, p.hidden, p.born, p.id
    FROM person p, unnest(%(spellings)s::text[]) s (spelling)
    ON CONFLICT DO NOTHING
)
SELECT p.hidden, w.word
FROM person p, unnest(%(words)s::text[], %(wholes)s::text[]) w (word, whole)
WHERE NOT EXISTS (
    SELECT FROM word_deletions d
    WHERE d.deletion = w.whole AND d.hidden = p.hidden AND d.word = w.word
    OFFSET 0 -- each is looked up, also where there were few when this was planned
)
