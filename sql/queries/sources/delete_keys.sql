-- Deletes the keys of a source that no longer apply.
DELETE FROM source_keys k WHERE k.source_id = %(id)s AND k.key <> ALL (%(keys)s::text[])
