-- Finds recorded name words that differ from a word by a letter or two, or that it begins.
-- A variant that begins with ^ is a beginning.
SELECT DISTINCT a.word, d.word AS near
FROM unnest(%(words)s::text[], %(variants)s::text[]) a (word, variant)
CROSS JOIN (SELECT false UNION ALL SELECT true WHERE %(sees_hidden)s) h (hidden)
CROSS JOIN LATERAL (
    -- OFFSET 0: look up each variant, whatever number of rows the planner expects.
    SELECT w.word FROM name_word_variants w
    WHERE w.variant = a.variant AND w.hidden = h.hidden AND w.word <> a.word
        AND (abs(length(w.word) - length(a.word)) <= 3 OR starts_with(a.variant, '^'))
    OFFSET 0
) d
