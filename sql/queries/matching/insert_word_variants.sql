-- Inserts new name words with their variants.
INSERT INTO name_word_variants (variant, hidden, word)
SELECT w.variant, w.hidden, w.word
FROM unnest(%(variants)s::text[], %(words)s::text[], %(hidden)s::boolean[])
    w (variant, word, hidden)
