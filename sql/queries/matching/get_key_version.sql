-- Gets whether the name keys were made by these rules.
SELECT EXISTS (SELECT FROM name_key_version WHERE sha256 = %(sha256)s) AS is_current
