"""Files as other identity servers make them."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

MXISD = """
CREATE TABLE `invite_3pid` (`id` VARCHAR NOT NULL , `token` VARCHAR NOT NULL ,
    `sender` VARCHAR NOT NULL , `medium` VARCHAR NOT NULL ,
    `address` VARCHAR NOT NULL , `roomId` VARCHAR NOT NULL , `properties` VARCHAR ,
    PRIMARY KEY (`id`) );
CREATE TABLE `invite_3pid_history` (`resolvedTo` VARCHAR NOT NULL ,
    `resolvedAt` BIGINT NOT NULL , `couldPublish` BOOLEAN NOT NULL ,
    `publishAttempts` BIGINT NOT NULL , `id` VARCHAR NOT NULL ,
    `token` VARCHAR NOT NULL , `sender` VARCHAR NOT NULL ,
    `medium` VARCHAR NOT NULL , `address` VARCHAR NOT NULL ,
    `roomId` VARCHAR NOT NULL , `properties` VARCHAR , PRIMARY KEY (`id`) );
CREATE TABLE `session_3pid` (`id` VARCHAR NOT NULL , `creationTime` BIGINT NOT NULL ,
    `server` VARCHAR NOT NULL , `medium` VARCHAR NOT NULL ,
    `address` VARCHAR NOT NULL , `secret` VARCHAR NOT NULL ,
    `attempt` INTEGER NOT NULL , `nextLink` VARCHAR , `token` VARCHAR NOT NULL ,
    `validated` BOOLEAN , `validationTime` BIGINT , `isRemote` BOOLEAN NOT NULL ,
    `remoteServer` VARCHAR , `remoteId` VARCHAR , `remoteSecret` VARCHAR ,
    `remoteAttempt` INTEGER , `isRemoteValidated` BOOLEAN NOT NULL ,
    PRIMARY KEY (`id`) );
CREATE TABLE `as_txn` (`transactionId` VARCHAR , `localpart` VARCHAR ,
    `timestamp` BIGINT NOT NULL , `result` VARCHAR NOT NULL ,
    UNIQUE (`transactionId`,`localpart`) );
"""

MA1SD = (
    MXISD
    + """
CREATE TABLE `changelog` (`id` VARCHAR , `createdAt` TIMESTAMP , `comment` VARCHAR ,
    PRIMARY KEY (`id`) );
CREATE TABLE `account` (`token` VARCHAR NOT NULL , `accessToken` VARCHAR NOT NULL ,
    `tokenType` VARCHAR NOT NULL , `matrixServerName` VARCHAR NOT NULL ,
    `expiresIn` BIGINT NOT NULL , `createdAt` BIGINT NOT NULL ,
    `userId` VARCHAR NOT NULL , PRIMARY KEY (`token`) );
CREATE TABLE `accepted` (`id` INTEGER PRIMARY KEY AUTOINCREMENT ,
    `url` VARCHAR NOT NULL , `userId` VARCHAR NOT NULL , `acceptedAt` BIGINT NOT NULL );
CREATE TABLE `hashes` (`id` INTEGER PRIMARY KEY AUTOINCREMENT ,
    `mxid` VARCHAR NOT NULL , `medium` VARCHAR NOT NULL , `address` VARCHAR NOT NULL ,
    `hash` VARCHAR NOT NULL , UNIQUE (`mxid`,`medium`,`address`) );
"""
)

# As the database of a sydent 2.6.1 that was just started says.
SYDENT = """
CREATE TABLE invite_tokens (id integer primary key, medium varchar(16) not null,
    address varchar(256) not null, room_id varchar(256) not null,
    sender varchar(256) not null, token varchar(256) not null, received_ts bigint,
    sent_ts bigint);
CREATE TABLE ephemeral_public_keys(id integer primary key,
    public_key varchar(256) not null, verify_count bigint default 0,
    persistence_ts bigint);
CREATE TABLE threepid_validation_sessions (id integer primary key,
    medium varchar(16) not null, address varchar(256) not null,
    clientSecret varchar(32) not null, validated int default 0, mtime bigint not null);
CREATE TABLE threepid_token_auths (id integer primary key,
    validationSession integer not null, token varchar(32) not null,
    sendAttemptNumber integer not null);
CREATE TABLE local_threepid_associations (id integer primary key autoincrement,
    medium varchar(16) not null, address varchar(256) not null, mxid varchar(256),
    ts integer, notBefore bigint, notAfter bigint, lookup_hash VARCHAR(256));
CREATE TABLE global_threepid_associations (id integer primary key autoincrement,
    medium varchar(16) not null, address varchar(256) not null,
    mxid varchar(256) not null, ts integer not null, notBefore bigint not null,
    notAfter integer not null, originServer varchar(255) not null,
    originId integer not null, sgAssoc text not null, lookup_hash VARCHAR(256));
CREATE TABLE hashing_metadata (id integer primary key, lookup_pepper varchar(256));
CREATE TABLE accounts(user_id TEXT NOT NULL PRIMARY KEY, created_ts BIGINT NOT NULL,
    consent_version TEXT);
CREATE TABLE tokens(token TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL);
CREATE TABLE accepted_terms_urls(user_id TEXT NOT NULL, url TEXT NOT NULL);
"""

BINDING = (
    "INSERT INTO global_threepid_associations (medium, address, mxid, ts, notBefore, "
    "notAfter, originServer, originId, sgAssoc) VALUES (?, ?, ?, ?, 0, ?, 'o', 1, '{}')"
)
MANY_BINDINGS = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    "INSERT INTO global_threepid_associations (medium, address, mxid, ts, notBefore, "
    "notAfter, originServer, originId, sgAssoc) SELECT 'email', "
    "'p' || i || '@example.org', '@p' || i || ':example.org', i, 0, ?, 'o', i, '{}' "
    "FROM n"
)
FOR_EVER_MS = 2**60


class DatabaseFile:
    """A file in the making."""

    def __init__(self, path: Path, schema: str) -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(schema)

    def run(self, sql: str, *parameters: Any) -> None:
        """Run a statement."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(sql, parameters)

    def add(self, table: str, **values: Any) -> None:
        """Add a row."""
        marks = ", ".join("?" * len(values))
        self.run(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})",
            *values.values(),
        )

    def bind(
        self,
        address: Any,
        user: Any,
        ts_ms: Any = 1,
        medium: Any = "email",
        not_after_ms: Any = FOR_EVER_MS,
    ) -> None:
        """Add a binding of sydent."""
        self.run(BINDING, medium, address, user, ts_ms, not_after_ms)


def rows_of(path: Path, query: str) -> list[Any]:
    """What a query finds in a file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def text_of(lines: Iterable[str]) -> str:
    """Lines as one text."""
    return "\n".join(lines)
