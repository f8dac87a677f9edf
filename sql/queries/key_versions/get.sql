-- Gets whether the keys of people, sources or facilities were made by these rules.
SELECT EXISTS (
    SELECT FROM key_versions v WHERE v.resource = %(resource)s AND v.sha256 = %(sha256)s
) AS is_current
