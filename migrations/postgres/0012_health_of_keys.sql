-- What was learned of the fitness of keys and accounts.

-- What troubles a key or an account now. One row for all models, and one for each that has a trouble of its own.
CREATE TABLE api_key_health (
    id          BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT  NOT NULL,                  -- since when
    update_time BIGINT  NOT NULL,                  -- when it was reported
    subject     TEXT    NOT NULL,                  -- key:ID:FINGERPRINT, own:ID:FINGERPRINT, account:[PROVIDER,URL,NAME]
    key_id      BIGINT,                            -- NULL: an account of several keys
    model       TEXT,                              -- NULL: all of them; '': calls that name none
    state       TEXT    NOT NULL,                  -- cooling, out_of_credit, disabled
    left_ms     BIGINT  NOT NULL,                  -- how long it was to last from update_time on
    reason      TEXT    NOT NULL,
    failures    BIGINT  NOT NULL,                  -- in a row
    refused     BOOLEAN NOT NULL,                  -- the credential was refused before
    on_trial    BOOLEAN NOT NULL                   -- behind its end one call is to find out
);

CREATE INDEX api_key_health_subject ON api_key_health (subject);

-- What happened to them. A row lasts from create_time to update_time.
CREATE TABLE api_key_health_events (
    id          BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT  NOT NULL,
    update_time BIGINT  NOT NULL,
    subject     TEXT    NOT NULL,
    key_id      BIGINT,
    model       TEXT,                              -- as above
    state       TEXT    NOT NULL,
    until       BIGINT,                            -- NULL: without an end
    reason      TEXT    NOT NULL,
    times       BIGINT  NOT NULL
);

CREATE INDEX api_key_health_events_subject ON api_key_health_events (subject, id);
