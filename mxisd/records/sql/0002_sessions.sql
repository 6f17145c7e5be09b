CREATE TABLE sessions (
    sid TEXT PRIMARY KEY,
    medium TEXT NOT NULL,
    address TEXT NOT NULL,
    lowered TEXT,
    secret_digest BYTEA NOT NULL,
    token TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    send_attempt BIGINT,
    next_link TEXT,
    wrong_tokens BIGINT NOT NULL,
    validated_ms BIGINT
);
CREATE INDEX sessions_by_threepid ON sessions (medium, address, secret_digest);
CREATE INDEX sessions_by_change ON sessions (changed_ms);
