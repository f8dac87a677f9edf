-- Lists the visible people whose ids are in given ranges.
SELECT d.id, d.name, d.aliases
FROM unnest(%(first_ids)s::uuid[], %(last_ids)s::uuid[]) r (first_id, last_id)
CROSS JOIN LATERAL (
    -- OFFSET 0: look up each range, however many there are.
    SELECT p.id, p.name, p.aliases FROM visible_detainees(%(sees_hidden)s) p
    WHERE p.id BETWEEN r.first_id AND r.last_id AND (p.is_named OR %(sees_hidden)s)
    OFFSET 0
) d
