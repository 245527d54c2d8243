-- What all steps of sqlite/ come to: made of them by `make schema`, and never by hand.

CREATE TABLE schema_migrations (
    number     INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE vault (
    id          INTEGER PRIMARY KEY,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    wrapped_key BLOB    NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time   INTEGER NOT NULL,
    update_time   INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    provider      TEXT    NOT NULL,
    api_key       BLOB    NOT NULL,                -- sealed
    api_key_hint  TEXT    NOT NULL,
    fingerprint   TEXT    NOT NULL UNIQUE,
    ua            TEXT,
    proxy_ip      BLOB,                            -- sealed: the address may hold a password
    headers       BLOB,                            -- sealed: JSON list of name and value
    base_url      TEXT,
    formats       TEXT,                            -- JSON list, NULL: what the provider says
    enabled       INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    priority      INTEGER NOT NULL,
    weight        INTEGER NOT NULL,
    models        TEXT    NOT NULL,                -- JSON list
    models_denied TEXT    NOT NULL,                -- JSON list
    account       TEXT,
    total_balance INTEGER,
    price_factor  INTEGER NOT NULL,                -- millionths of the list price
    tags          TEXT    NOT NULL,                -- JSON list
    memo          TEXT    NOT NULL
, balance BLOB, rpm INTEGER, tpm INTEGER, concurrency INTEGER, budget TEXT) STRICT;

CREATE TABLE client_tokens (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    digest      BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    hint        TEXT    NOT NULL,
    enabled     INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    expires_at  INTEGER,
    models      TEXT    NOT NULL,                  -- JSON list
    memo        TEXT    NOT NULL
, strict_translation INTEGER NOT NULL DEFAULT 0 CHECK (strict_translation IN (0, 1)), ip_allow TEXT NOT NULL DEFAULT '[]', rpm INTEGER, tpm INTEGER, concurrency INTEGER, budget TEXT, group_id INTEGER) STRICT;

CREATE TABLE routes (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    model       TEXT    NOT NULL UNIQUE,
    candidates  TEXT    NOT NULL                   -- JSON list of model, provider, tier, weight
, translation TEXT NOT NULL DEFAULT '{}', strategy TEXT NOT NULL DEFAULT 'weighted') STRICT;

CREATE TABLE config (
    id          INTEGER PRIMARY KEY,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    key         TEXT    NOT NULL UNIQUE,
    value       TEXT    NOT NULL
) STRICT;

CREATE TABLE api_request_log (
    id                    INTEGER PRIMARY KEY,
    create_time           INTEGER NOT NULL,
    update_time           INTEGER NOT NULL,
    call_id               BLOB    NOT NULL UNIQUE CHECK (length(call_id) = 16),
    token_id              INTEGER,
    key_id                INTEGER,                 -- the key that served it, else the last one tried
    provider              TEXT,
    model                 TEXT    NOT NULL,
    format                TEXT    NOT NULL,
    endpoint              TEXT    NOT NULL,
    stream                INTEGER NOT NULL CHECK (stream IN (0, 1)),
    upstream_format       TEXT,
    upstream_model        TEXT,
    input_tokens          INTEGER NOT NULL DEFAULT 0,  -- the whole prompt, cached parts included
    output_tokens         INTEGER NOT NULL DEFAULT 0,
    total_tokens          INTEGER NOT NULL DEFAULT 0,
    uncached_input_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens     INTEGER NOT NULL DEFAULT 0,
    cache_write_5m_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_1h_tokens INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens      INTEGER,                 -- a part of output_tokens, NULL: not told
    cost                  INTEGER,
    latency_ms            INTEGER,
    first_byte_ms         INTEGER,
    attempts              INTEGER NOT NULL DEFAULT 0,
    estimated             INTEGER NOT NULL DEFAULT 0 CHECK (estimated IN (0, 1)),
    status                TEXT    NOT NULL DEFAULT 'open' CHECK (status = 'open' OR status = 'success' OR status = 'error'),
    outcome               TEXT,                    -- NULL: the call is still running
    http_status_code      INTEGER,
    error_type            TEXT,
    error_message         TEXT, saved INTEGER,
    CHECK ((outcome IS NULL) = (status = 'open'))
) STRICT;

CREATE INDEX api_request_log_open ON api_request_log (call_id) WHERE outcome IS NULL;

CREATE TABLE api_request_stats (
    id                    INTEGER PRIMARY KEY,
    create_time           INTEGER NOT NULL,
    update_time           INTEGER NOT NULL,
    granularity           TEXT    NOT NULL CHECK (granularity IN ('hour', 'day')),
    bucket_start          INTEGER NOT NULL,
    key_id                INTEGER NOT NULL,        -- 0: none
    model                 TEXT    NOT NULL,
    provider              TEXT    NOT NULL,        -- '': none
    token_id              INTEGER NOT NULL,        -- 0: none
    requests              INTEGER NOT NULL,
    errors                INTEGER NOT NULL,
    uncached_input_tokens INTEGER NOT NULL,
    cache_read_tokens     INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens         INTEGER NOT NULL,
    reasoning_tokens      INTEGER,
    cost                  INTEGER NOT NULL,        -- of the calls whose price is known
    unpriced              INTEGER NOT NULL,        -- how many are not among them
    latency_ms            INTEGER NOT NULL,        -- sum
    first_byte_ms         INTEGER NOT NULL,        -- sum over first_bytes calls
    first_bytes           INTEGER NOT NULL, cached INTEGER NOT NULL DEFAULT 0, saved_known INTEGER NOT NULL DEFAULT 0, saved INTEGER NOT NULL DEFAULT 0, latency_histogram BLOB, first_byte_histogram BLOB,
    UNIQUE (granularity, bucket_start, key_id, model, provider, token_id)
) STRICT;

CREATE VIEW api_request_log_usd AS
SELECT *, CASE WHEN cost IS NOT NULL THEN
    printf('%s%d.%09d', iif(cost < 0, '-', ''), abs(cost / 1000000000), abs(cost % 1000000000))
END AS cost_usd
FROM api_request_log;

CREATE VIEW api_request_stats_usd AS
SELECT *, printf('%s%d.%09d', iif(cost < 0, '-', ''), abs(cost / 1000000000), abs(cost % 1000000000)) AS cost_usd
FROM api_request_stats;

CREATE TABLE api_request_losses (
    call_id BLOB    NOT NULL CHECK (length(call_id) = 16),
    n       INTEGER NOT NULL,
    side    TEXT    NOT NULL CHECK (side = 'request' OR side = 'answer'),
    kind    TEXT    NOT NULL CHECK (kind = 'dropped' OR kind = 'adjusted'),
    field   TEXT    NOT NULL,
    note    TEXT    NOT NULL,
    PRIMARY KEY (call_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key_balances (
    id          INTEGER PRIMARY KEY,
    create_time INTEGER NOT NULL,                -- since when it is known
    update_time INTEGER NOT NULL,                -- until when it was seen to be the same
    key_id      INTEGER NOT NULL,
    fingerprint TEXT    NOT NULL,                -- of the credential it was learned with
    source      TEXT    NOT NULL CHECK (source IN ('reported', 'manual')),
    kind        TEXT    NOT NULL,                -- balance, spend_only, plan_window, ledger
    amount      INTEGER,                         -- billionths of the currency, NULL: unknown
    currency    TEXT,
    reading     TEXT    NOT NULL,                -- JSON of everything that was said
    booked      INTEGER NOT NULL,                -- what our own books had for the key then
    raw         TEXT                             -- what it was read from; kept for the newest alone
) STRICT;

CREATE INDEX api_key_balances_key ON api_key_balances (key_id, source);

CREATE TABLE api_request_log_blocks (
    kind  TEXT    NOT NULL,                        -- 'key', 'token', 'model', 'status' or 'error_type'
    name  ANY     NOT NULL,                        -- the column of the log that is called so; of statuses only 'error'
    block INTEGER NOT NULL,                        -- id >> 8
    PRIMARY KEY (kind, name, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_request_attempts (
    request_id            INTEGER NOT NULL,        -- api_request_log.id
    n                     INTEGER NOT NULL,        -- from 0, in the order they were made
    attempt_id            BLOB    NOT NULL CHECK (length(attempt_id) = 16),
    create_time           INTEGER NOT NULL,
    key_id                INTEGER NOT NULL,
    provider              TEXT    NOT NULL,
    upstream_format       TEXT    NOT NULL,
    upstream_model        TEXT    NOT NULL,
    served                INTEGER NOT NULL CHECK (served IN (0, 1)),
    verdict               TEXT    NOT NULL,
    http_status_code      INTEGER,
    error_message         TEXT,
    latency_ms            INTEGER NOT NULL,
    first_byte_ms         INTEGER,
    uncached_input_tokens INTEGER NOT NULL,
    cache_read_tokens     INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens         INTEGER NOT NULL,
    reasoning_tokens      INTEGER,
    estimated             INTEGER NOT NULL CHECK (estimated IN (0, 1)),
    cost                  INTEGER,
    price_version         TEXT, saved INTEGER, chosen_by TEXT, candidates INTEGER, service_terms TEXT, price_factor INTEGER,
    PRIMARY KEY (request_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE token_groups (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    name        TEXT    NOT NULL UNIQUE,
    rpm         INTEGER,
    tpm         INTEGER,
    concurrency INTEGER,
    budget      TEXT,
    memo        TEXT    NOT NULL
) STRICT;

CREATE TABLE budget_periods (
    id           INTEGER PRIMARY KEY,
    create_time  INTEGER NOT NULL,
    update_time  INTEGER NOT NULL,
    scope        TEXT    NOT NULL CHECK (scope IN ('token', 'group', 'key', 'site')),
    scope_id     INTEGER NOT NULL,                 -- client_tokens.id, token_groups.id, api_keys.id; 0: the site
    window       TEXT    NOT NULL CHECK (window IN ('day', 'week', 'month', 'total')),
    period_start INTEGER NOT NULL,                 -- 0: for ever
    spent        INTEGER NOT NULL,                 -- folded, and the cost of all its holds
    held         INTEGER NOT NULL CHECK (held >= 0),   -- the amount of its holds in state 'held'
    folded       INTEGER NOT NULL DEFAULT 0,       -- what was spent by holds that are not kept any more
    UNIQUE (scope, scope_id, window, period_start)
) STRICT;

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

CREATE TABLE api_request_choices (
    call_id BLOB    NOT NULL CHECK (length(call_id) = 16),
    n       INTEGER NOT NULL,
    choice  TEXT    NOT NULL,  -- JSON object: who was passed over, with the reasons
    PRIMARY KEY (call_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE verdict_rules (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    provider    TEXT,                              -- NULL: of all providers
    enabled     INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    position    INTEGER NOT NULL,
    rule        TEXT    NOT NULL                   -- JSON: what to look for, and what it means
) STRICT;

CREATE TABLE api_request_evidence (
    request_id INTEGER NOT NULL,                   -- api_request_log.id
    n          INTEGER NOT NULL,                   -- of the attempt
    evidence   TEXT    NOT NULL, decided_by TEXT,                   -- JSON: status, codes, text, body, headers, wait_ms
    PRIMARY KEY (request_id, n)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER api_request_evidence_delete AFTER DELETE ON api_request_log
BEGIN
    DELETE FROM api_request_evidence WHERE request_id = old.id;
END;

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

CREATE TABLE retention (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    update_time      INTEGER NOT NULL,
    forgotten_before INTEGER NOT NULL            -- calls admitted earlier may be gone
) STRICT;

CREATE TRIGGER api_request_log_delete AFTER DELETE ON api_request_log
BEGIN
    DELETE FROM api_request_attempts WHERE request_id = old.id;
    DELETE FROM api_request_losses WHERE call_id = old.call_id;
    DELETE FROM api_request_choices WHERE call_id = old.call_id;
END;

CREATE TABLE model_prices (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    origin      TEXT    NOT NULL CHECK (origin IN ('own', 'list')),
    provider    TEXT,                              -- NULL: of all providers
    model       TEXT    NOT NULL,
    aliases     TEXT    NOT NULL,                  -- JSON list of other names
    valid_from  INTEGER NOT NULL,
    price       TEXT,                              -- JSON, in USD per million tokens; NULL: none any more
    source      TEXT    NOT NULL,
    who         TEXT    NOT NULL,
    note        TEXT    NOT NULL
) STRICT;

CREATE TABLE api_request_adjustments (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time   INTEGER NOT NULL,
    update_time   INTEGER NOT NULL,
    request_id    INTEGER NOT NULL,                -- api_request_log.id
    n             INTEGER NOT NULL,                -- of the attempt
    cost_before   INTEGER,                         -- NULL: it was not known
    cost          INTEGER NOT NULL,
    saved_before  INTEGER,
    saved         INTEGER,
    price_version TEXT    NOT NULL,
    call_cost     INTEGER,                         -- of the whole call since then, NULL: not known yet
    call_saved    INTEGER,
    who           TEXT    NOT NULL,
    note          TEXT    NOT NULL
) STRICT;

CREATE INDEX api_request_adjustments_request ON api_request_adjustments (request_id, n);

CREATE TABLE budget_adjustments (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    call_id     BLOB    NOT NULL CHECK (length(call_id) = 16),
    period_id   INTEGER NOT NULL,                  -- budget_periods.id
    amount      INTEGER NOT NULL                   -- less than nothing where the call cost less
) STRICT;

CREATE INDEX budget_adjustments_call ON budget_adjustments (call_id);

CREATE TRIGGER api_request_adjustments_delete AFTER DELETE ON api_request_log
BEGIN
    DELETE FROM api_request_adjustments WHERE request_id = old.id;
END;

CREATE TABLE api_request_bodies (
    call_id       BLOB    PRIMARY KEY CHECK (length(call_id) = 16),
    create_time   INTEGER NOT NULL,                -- when the call came
    request       TEXT,                            -- NULL: it was no text
    request_bytes INTEGER NOT NULL,                -- how long it was
    answer        TEXT,
    answer_bytes  INTEGER NOT NULL
) STRICT;

CREATE INDEX api_request_bodies_age ON api_request_bodies (create_time);

CREATE TRIGGER api_request_bodies_delete AFTER DELETE ON api_request_log
BEGIN
    DELETE FROM api_request_bodies WHERE call_id = old.call_id;
END;

CREATE TABLE providers (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    provider    TEXT    NOT NULL UNIQUE,          -- what keys name
    definition  TEXT    NOT NULL                  -- JSON
) STRICT;

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

CREATE TABLE api_request_sums (
    part                  TEXT    NOT NULL,        -- 'all', 'key', 'model', 'provider' or 'token'
    name                  TEXT    NOT NULL,        -- which one; as in api_request_stats for none; '' for 'all'
    granularity           TEXT    NOT NULL CHECK (granularity IN ('hour', 'day')),
    bucket_start          INTEGER NOT NULL,
    requests              INTEGER NOT NULL,
    errors                INTEGER NOT NULL,
    uncached_input_tokens INTEGER NOT NULL,
    cache_read_tokens     INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens         INTEGER NOT NULL,
    reasoning_tokens      INTEGER,
    cost                  INTEGER NOT NULL,
    unpriced              INTEGER NOT NULL,
    latency_ms            INTEGER NOT NULL,
    first_byte_ms         INTEGER NOT NULL,
    first_bytes           INTEGER NOT NULL,
    cached                INTEGER NOT NULL,
    saved_known           INTEGER NOT NULL,
    saved                 INTEGER NOT NULL,
    latency_histogram     BLOB    NOT NULL,
    first_byte_histogram  BLOB    NOT NULL,
    PRIMARY KEY (part, name, granularity, bucket_start)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_request_sums_until (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    until  INTEGER NOT NULL
) STRICT;

CREATE TABLE user_identities (
    id          INTEGER PRIMARY KEY,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issuer      TEXT    NOT NULL,
    subject     TEXT    NOT NULL,                  -- what the issuer calls the user, and never another one
    UNIQUE (issuer, subject),
    UNIQUE (user_id, issuer)
) STRICT;

CREATE TABLE "budget_holds" (
    id          INTEGER PRIMARY KEY,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    call_id     BLOB    NOT NULL CHECK (length(call_id) = 16),   -- its owner
    n           INTEGER NOT NULL,                  -- 0 for the first of the call
    period_id   INTEGER NOT NULL,                  -- budget_periods.id
    amount      INTEGER NOT NULL CHECK (amount >= 0),
    cost        INTEGER NOT NULL DEFAULT 0,
    state       TEXT    NOT NULL CHECK (state = 'held' OR state = 'settled' OR state = 'void' OR state = 'recovered'),
    UNIQUE (call_id, n, period_id)
) STRICT;

CREATE INDEX budget_holds_open ON budget_holds (period_id) WHERE state = 'held';

CREATE INDEX api_request_log_errors ON api_request_log (error_type, id, key_id, token_id, model)
WHERE error_type IS NOT NULL;

INSERT INTO api_request_sums_until VALUES (1, 0);

