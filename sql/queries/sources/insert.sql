-- Inserts a source.
INSERT INTO sources (id, name, kind, country, url, confidential, vouched_by)
VALUES (
    %(id)s, %(name)s, %(kind)s, %(country)s, %(url)s, %(confidential)s,
    %(vouched_by)s
)
