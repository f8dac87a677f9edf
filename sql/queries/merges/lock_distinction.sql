-- A judgement that is about to be withdrawn: only once.
SELECT x.withdrawn_at FROM distinctions x WHERE x.id = %(id)s FOR NO KEY UPDATE
