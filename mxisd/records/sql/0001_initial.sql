CREATE TABLE accounts (
    token_hash BYTEA PRIMARY KEY,
    user_id TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX accounts_by_expiry ON accounts (expires_ms);

CREATE TABLE accepted_terms (
    user_id TEXT NOT NULL,
    url TEXT NOT NULL,
    accepted_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, url)
);

-- since_ms is NULL while the index of a pepper is being built;
-- until_ms is NULL until a successor took over.
CREATE TABLE peppers (
    pepper TEXT PRIMARY KEY,
    since_ms BIGINT,
    until_ms BIGINT
);

CREATE TABLE bindings (
    medium TEXT NOT NULL,
    address TEXT NOT NULL,
    lowered TEXT,
    user_id TEXT NOT NULL,
    ts_ms BIGINT NOT NULL,
    not_before_ms BIGINT NOT NULL,
    not_after_ms BIGINT NOT NULL,
    PRIMARY KEY (medium, address)
);

CREATE TABLE binding_hashes (
    pepper TEXT NOT NULL REFERENCES peppers (pepper) ON DELETE CASCADE,
    digest BYTEA NOT NULL,
    medium TEXT NOT NULL,
    address TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (pepper, digest),
    FOREIGN KEY (medium, address) REFERENCES bindings (medium, address)
        ON DELETE CASCADE
);
CREATE INDEX binding_hashes_by_threepid ON binding_hashes (medium, address);
