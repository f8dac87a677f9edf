-- Whether the keys of spelling were made by these rules.
SELECT EXISTS (SELECT FROM spelling_rules WHERE sha256 = %(sha256)s) AS kept
