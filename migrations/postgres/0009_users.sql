-- Who may run the pool, who is signed in, and what was done. Units and types: ../README.md.

CREATE TABLE users (
    id          BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT  NOT NULL,
    update_time BIGINT  NOT NULL,
    username    TEXT    NOT NULL CONSTRAINT users_username UNIQUE,
    role        TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    enabled     BOOLEAN NOT NULL,
    password    TEXT,                              -- argon2id, as a PHC string; NULL: signs in by other means only
    last_login  BIGINT
);

CREATE TABLE sessions (
    digest      BYTEA   PRIMARY KEY CHECK (length(digest) = 32),  -- SHA-256 of the id that the browser has
    create_time BIGINT  NOT NULL,
    update_time BIGINT  NOT NULL,                  -- when it was last used
    expires_at  BIGINT  NOT NULL,
    user_id     BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX sessions_user ON sessions (user_id);

-- A line is written before the deed is done, and gets its status with the answer.
CREATE TABLE audit_log (
    id          BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT  NOT NULL,
    update_time BIGINT  NOT NULL,
    user_id     BIGINT,                            -- NULL: not one of the users, or not known
    actor       TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    object      TEXT,
    detail      TEXT,                              -- JSON, never a secret
    status      INTEGER                            -- NULL: it was never answered
);
