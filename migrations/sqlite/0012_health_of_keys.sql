-- What was learned of the fitness of keys and accounts.

-- What troubles a key or an account now. One row for all models, and one for each that has a trouble of its own.
CREATE TABLE api_key_health (
    id          INTEGER PRIMARY KEY,
    create_time INTEGER NOT NULL,                  -- since when
    update_time INTEGER NOT NULL,                  -- when it was reported
    subject     TEXT    NOT NULL,                  -- key:ID:FINGERPRINT, own:ID:FINGERPRINT, account:[PROVIDER,URL,NAME]
    key_id      INTEGER,                           -- NULL: an account of several keys
    model       TEXT,                              -- NULL: all of them; '': calls that name none
    state       TEXT    NOT NULL,                  -- cooling, out_of_credit, disabled
    left_ms     INTEGER NOT NULL,                  -- how long it was to last from update_time on
    reason      TEXT    NOT NULL,
    failures    INTEGER NOT NULL,                  -- in a row
    refused     INTEGER NOT NULL CHECK (refused IN (0, 1)),   -- the credential was refused before
    on_trial    INTEGER NOT NULL CHECK (on_trial IN (0, 1))   -- behind its end one call is to find out
) STRICT;

CREATE INDEX api_key_health_subject ON api_key_health (subject);

-- What happened to them. A row lasts from create_time to update_time.
CREATE TABLE api_key_health_events (
    id          INTEGER PRIMARY KEY,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    subject     TEXT    NOT NULL,
    key_id      INTEGER,
    model       TEXT,                              -- as above
    state       TEXT    NOT NULL,
    until       INTEGER,                           -- NULL: without an end
    reason      TEXT    NOT NULL,
    times       INTEGER NOT NULL
) STRICT;

CREATE INDEX api_key_health_events_subject ON api_key_health_events (subject, id);
