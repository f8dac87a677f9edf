-- Inserts an affiliation.
INSERT INTO affiliations (id, source_id, with_source_id, relation, valid_from, valid_until)
VALUES (
    coalesce(%(id)s::uuid, uuidv7()), %(source_id)s, %(with_source_id)s, %(relation)s,
    %(valid_from)s, %(valid_until)s
)
RETURNING id
