-- Rules for alerts, whom they tell, what is wrong now, what happened, and what was sent. Units and types: ../README.md.

CREATE TABLE alert_rules (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    spec        TEXT    NOT NULL                   -- JSON: what the operator wrote
) STRICT;

CREATE TABLE alert_channels (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    spec        TEXT    NOT NULL,                  -- JSON: name, kind, and what may be shown
    secrets     BLOB                               -- sealed: addresses, tokens, passwords; NULL for none
) STRICT;

-- A trouble that has been told, or will be when the hours are not quiet any more.
CREATE TABLE alert_states (
    rule_id     INTEGER NOT NULL,
    subject     TEXT    NOT NULL,                  -- key:7, model:gpt-5, store@node
    create_time INTEGER NOT NULL,                  -- since when it has been bad
    update_time INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    phase       TEXT    NOT NULL CHECK (phase IN ('firing', 'settled')),
    told_at     INTEGER,                           -- NULL: nobody knows of it
    detail      TEXT    NOT NULL,
    PRIMARY KEY (rule_id, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert_events (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time  INTEGER NOT NULL,
    update_time  INTEGER NOT NULL,
    rule_id      INTEGER NOT NULL,
    rule_name    TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    severity     TEXT    NOT NULL,
    event        TEXT    NOT NULL CHECK (event IN ('fired', 'repeated', 'cleared')),
    subject      TEXT    NOT NULL,
    subject_name TEXT    NOT NULL,
    since        INTEGER NOT NULL,
    detail       TEXT    NOT NULL,
    quiet        INTEGER NOT NULL CHECK (quiet IN (0, 1))
) STRICT;

CREATE TABLE alert_deliveries (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time  INTEGER NOT NULL,
    update_time  INTEGER NOT NULL,
    channel_id   INTEGER NOT NULL,
    channel_name TEXT    NOT NULL,
    message      TEXT    NOT NULL,                 -- JSON
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'sent', 'failed')),
    tries        INTEGER NOT NULL,
    next_at      INTEGER,                          -- NULL: it is not sent again
    detail       TEXT                              -- why the last try failed, without secrets
) STRICT;

CREATE INDEX alert_deliveries_due ON alert_deliveries (next_at) WHERE state = 'pending';
