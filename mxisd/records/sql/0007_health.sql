-- One row, which is written to see whether writing works.
CREATE TABLE health (
    id INTEGER PRIMARY KEY,
    checked_ms BIGINT NOT NULL,
    filler BYTEA NOT NULL
);
