-- API keys, and the stored responses of writes that carry an Idempotency-Key.

-- The key itself is shown once and never stored. It is looked up by its prefix, which is not secret,
-- and compared by its SHA-256.
CREATE TABLE api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    scope text NOT NULL CONSTRAINT api_key_has_a_known_scope
        CHECK (scope IN ('contribute', 'edit', 'admin')),
    hash bytea NOT NULL UNIQUE,
    prefix text NOT NULL CONSTRAINT one_api_key_per_prefix UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    valid_until timestamptz
        CONSTRAINT api_key_ends_after_it_was_created CHECK (valid_until > created_at),
    revoked_at timestamptz
);

GRANT SELECT ON api_keys TO constancia_service;

-- A row is written in the transaction of the write itself: no write without its response, and no
-- response without its write.
CREATE TABLE idempotency_keys (
    key_id uuid NOT NULL CONSTRAINT idempotency_key_is_of_an_api_key REFERENCES api_keys,
    path text NOT NULL,
    idempotency_key text NOT NULL,
    -- SHA-256 of query and body. A retry must have the same; a different request is an error.
    request_sha256 bytea NOT NULL,
    resource_id uuid NOT NULL,
    -- Null if the response is too long to store; a replay then reads the resource again.
    body bytea,
    -- Whether the write became a proposal; its response has another status.
    is_proposal boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key_id, path, idempotency_key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- FOR UPDATE needs the UPDATE privilege on some column.
GRANT SELECT, INSERT, UPDATE (created_at), DELETE ON idempotency_keys TO constancia_service;
