-- A key is found by its prefix, which is no secret, and then compared; it may have an end. Of a key
-- that was made before there were prefixes we have the hash alone, whose beginning serves for one.
ALTER TABLE keys ADD COLUMN prefix text;
UPDATE keys SET prefix = left(encode(hash, 'hex'), 12);
ALTER TABLE keys
    ALTER COLUMN prefix SET NOT NULL,
    ADD CONSTRAINT one_key_of_a_prefix UNIQUE (prefix),
    ADD COLUMN valid_until timestamptz
        CONSTRAINT key_ends_after_it_was_made CHECK (valid_until > created_at);
