-- Rules for alerts, whom they tell, what is wrong now, what happened, and what was sent. Units and types: ../README.md.

CREATE TABLE alert_rules (
    id          BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT  NOT NULL,
    update_time BIGINT  NOT NULL,
    spec        JSONB   NOT NULL                   -- what the operator wrote
);

CREATE TABLE alert_channels (
    id          BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT  NOT NULL,
    update_time BIGINT  NOT NULL,
    spec        JSONB   NOT NULL,                  -- name, kind, and what may be shown
    secrets     BYTEA                              -- sealed: addresses, tokens, passwords; NULL for none
);

-- A trouble that has been told, or will be when the hours are not quiet any more.
CREATE TABLE alert_states (
    rule_id     BIGINT  NOT NULL,
    subject     TEXT    NOT NULL,                  -- key:7, model:gpt-5, store@node
    create_time BIGINT  NOT NULL,                  -- since when it has been bad
    update_time BIGINT  NOT NULL,
    name        TEXT    NOT NULL,
    phase       TEXT    NOT NULL CHECK (phase IN ('firing', 'settled')),
    told_at     BIGINT,                            -- NULL: nobody knows of it
    detail      TEXT    NOT NULL,
    PRIMARY KEY (rule_id, subject)
);

CREATE TABLE alert_events (
    id           BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time  BIGINT  NOT NULL,
    update_time  BIGINT  NOT NULL,
    rule_id      BIGINT  NOT NULL,
    rule_name    TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    severity     TEXT    NOT NULL,
    event        TEXT    NOT NULL CHECK (event IN ('fired', 'repeated', 'cleared')),
    subject      TEXT    NOT NULL,
    subject_name TEXT    NOT NULL,
    since        BIGINT  NOT NULL,
    detail       TEXT    NOT NULL,
    quiet        BOOLEAN NOT NULL
);

CREATE TABLE alert_deliveries (
    id           BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time  BIGINT  NOT NULL,
    update_time  BIGINT  NOT NULL,
    channel_id   BIGINT  NOT NULL,
    channel_name TEXT    NOT NULL,
    message      JSONB   NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'sent', 'failed')),
    tries        BIGINT  NOT NULL,
    next_at      BIGINT,                           -- NULL: it is not sent again
    detail       TEXT                              -- why the last try failed, without secrets
);

CREATE INDEX alert_deliveries_due ON alert_deliveries (next_at) WHERE state = 'pending';

-- What one node does for all of them, until it is silent for too long. Times are those of the database.
CREATE TABLE leases (
    name        TEXT    PRIMARY KEY,
    create_time BIGINT  NOT NULL,
    update_time BIGINT  NOT NULL,
    holder      TEXT    NOT NULL,                  -- the name of a node
    expires_at  BIGINT  NOT NULL
);
