-- New words of names, each with what is left of it without some letters.
INSERT INTO word_deletions (deletion, hidden, word)
SELECT w.deletion, w.hidden, w.word
FROM unnest(%(deletions)s::text[], %(words)s::text[], %(hidden)s::boolean[])
    w (deletion, word, hidden)
