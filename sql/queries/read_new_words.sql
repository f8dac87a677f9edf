-- Those of these words that no name held before, of people who are hidden or of those who are not.
SELECT w.word FROM unnest(%(words)s::text[], %(wholes)s::text[]) w (word, whole)
WHERE NOT EXISTS (
    SELECT FROM word_deletions d
    WHERE d.deletion = w.whole AND d.hidden = %(hidden)s AND d.word = w.word
)
