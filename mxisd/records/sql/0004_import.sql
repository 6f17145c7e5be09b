-- How far each part of another server's file was taken over.
CREATE TABLE import_marks (
    source TEXT NOT NULL,
    part TEXT NOT NULL,
    last_row BIGINT NOT NULL,
    PRIMARY KEY (source, part)
);

-- Ephemeral keys of invites that another server made, and gave to their addressees.
CREATE TABLE adopted_keys (
    key_public BYTEA PRIMARY KEY
);
