-- Inserts variants of name words. A variant of a hidden person's word is stored once.
INSERT INTO name_word_variants (variant, hidden, word)
SELECT w.variant, w.hidden, w.word
FROM unnest(%(variants)s::text[], %(words)s::text[], %(hidden)s::boolean[])
    w (variant, word, hidden)
WHERE NOT w.hidden OR NOT EXISTS (
    SELECT FROM name_word_variants d
    WHERE d.variant = w.variant AND d.hidden AND d.word = w.word
    OFFSET 0 -- Look up each variant, even if the table was small when the query was planned.
)
