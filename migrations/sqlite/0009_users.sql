-- Who may run the pool, who is signed in, and what was done. Units and types: ../README.md.

CREATE TABLE users (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    username    TEXT    NOT NULL UNIQUE,
    role        TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    enabled     INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    password    TEXT,                              -- argon2id, as a PHC string; NULL: signs in by other means only
    last_login  INTEGER
) STRICT;

CREATE TABLE sessions (
    digest      BLOB    PRIMARY KEY CHECK (length(digest) = 32),  -- SHA-256 of the id that the browser has
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,                  -- when it was last used
    expires_at  INTEGER NOT NULL,
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_user ON sessions (user_id);

-- A line is written before the deed is done, and gets its status with the answer.
CREATE TABLE audit_log (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    user_id     INTEGER,                           -- NULL: not one of the users, or not known
    actor       TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    object      TEXT,
    detail      TEXT,                              -- JSON, never a secret
    status      INTEGER                            -- NULL: it was never answered
) STRICT;
