-- For each word, those of recorded names that may be the same with a letter or two wrong.
SELECT DISTINCT a.word, d.word AS near
FROM unnest(%(words)s::text[], %(deletions)s::text[]) a (word, deletion)
CROSS JOIN (SELECT false UNION ALL SELECT true WHERE %(sees_hidden)s) h (hidden)
JOIN word_deletions d ON d.deletion = a.deletion AND d.hidden = h.hidden AND d.word <> a.word
    AND abs(length(d.word) - length(a.word)) <= 3
