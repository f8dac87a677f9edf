-- Inserts a facility.
INSERT INTO facilities (id, name, aliases, country, region)
VALUES (%(id)s, %(name)s, %(aliases)s, %(country)s, %(region)s)
