-- Inserts a facility.
INSERT INTO facilities (id, name, aliases, country, region)
VALUES (coalesce(%(id)s::uuid, uuidv7()), %(name)s, %(aliases)s, %(country)s, %(region)s)
RETURNING id
