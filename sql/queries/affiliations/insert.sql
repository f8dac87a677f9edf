-- Inserts an affiliation between two sources.
INSERT INTO affiliations (id, source_id, with_source_id, relation, valid_from, valid_until)
VALUES (
    %(id)s, %(source_id)s, %(with_source_id)s, %(relation)s,
    %(valid_from)s, %(valid_until)s
)
