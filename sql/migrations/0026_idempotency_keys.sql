-- Answers to writes that may be sent again, by the key that the caller made up for each. Such a row
-- is written in the transaction of the write itself: there is no write without its answer, and no
-- answer without its write.
CREATE TABLE idempotency_keys (
    key_id uuid NOT NULL CONSTRAINT idempotency_key_is_of_a_key REFERENCES keys,
    path text NOT NULL,
    idempotency_key text NOT NULL,
    -- Of the query and the body: another request with the same key is a mistake of the caller's.
    request_sha256 bytea NOT NULL,
    resource_id uuid NOT NULL,
    -- Null where the answer is too long to keep, and is read again.
    body bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key_id, path, idempotency_key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
