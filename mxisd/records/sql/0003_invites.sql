-- What is over stays: ending, ended_ms and owner tell how it ended.
-- The key is NULL where another server made the invite, and kept the key to itself.
CREATE TABLE invites (
    token TEXT PRIMARY KEY,
    medium TEXT NOT NULL,
    address TEXT NOT NULL,
    lowered TEXT,
    room_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    facts TEXT NOT NULL,
    languages TEXT NOT NULL,
    key_seed BYTEA,
    key_public BYTEA,
    display_name TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    ending TEXT,
    owner TEXT,
    key_id TEXT
);
CREATE INDEX invites_by_threepid ON invites (medium, address);
CREATE INDEX invites_by_key ON invites (key_public);
CREATE INDEX invites_pending ON invites (created_ms) WHERE ending IS NULL;

-- server is the one of the owner, in lower case. outcome is NULL while it is tried.
CREATE TABLE deliveries (
    token TEXT PRIMARY KEY REFERENCES invites (token) ON DELETE CASCADE,
    owner TEXT NOT NULL,
    server TEXT NOT NULL,
    failures BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    outcome TEXT,
    answer TEXT
);
CREATE INDEX deliveries_due ON deliveries (server, due_ms) WHERE outcome IS NULL;

CREATE TABLE invite_messages (
    token TEXT PRIMARY KEY REFERENCES invites (token) ON DELETE CASCADE,
    failures BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    outcome TEXT,
    answer TEXT
);
CREATE INDEX invite_messages_due ON invite_messages (due_ms) WHERE outcome IS NULL;
