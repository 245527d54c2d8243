-- What operators write, and the books. Units and types: ../README.md.

CREATE TABLE schema_migrations (
    number     INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;

-- The data key, sealed under the master key that lives outside of this file.
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
) STRICT;

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
) STRICT;

CREATE TABLE routes (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    model       TEXT    NOT NULL UNIQUE,
    candidates  TEXT    NOT NULL                   -- JSON list of model, provider, tier, weight
) STRICT;

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
    error_message         TEXT,
    CHECK ((outcome IS NULL) = (status = 'open'))
) STRICT;

-- Pages go by id from the newest; each of these narrows them, the id is part of every index. Time needs none of its own:
-- a call_id begins with it.
CREATE INDEX api_request_log_key ON api_request_log (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX api_request_log_token ON api_request_log (token_id) WHERE token_id IS NOT NULL;
CREATE INDEX api_request_log_model ON api_request_log (model);
-- Calls that failed or still run are few, so these cost next to nothing.
CREATE INDEX api_request_log_errors ON api_request_log (status) WHERE status = 'error';
CREATE INDEX api_request_log_error_type ON api_request_log (error_type) WHERE error_type IS NOT NULL;
CREATE INDEX api_request_log_open ON api_request_log (call_id) WHERE outcome IS NULL;

CREATE TABLE api_request_attempts (
    call_id               BLOB    NOT NULL REFERENCES api_request_log (call_id) ON DELETE CASCADE,
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
    price_version         TEXT,
    PRIMARY KEY (call_id, n)
) STRICT, WITHOUT ROWID;

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
    first_bytes           INTEGER NOT NULL,
    UNIQUE (granularity, bucket_start, key_id, model, provider, token_id)
) STRICT;

-- For people: the same rows with the cost as decimal text in USD. Not generated columns, because a strict table computes
-- those at every write.
CREATE VIEW api_request_log_usd AS
SELECT *, CASE WHEN cost IS NOT NULL THEN
    printf('%s%d.%09d', iif(cost < 0, '-', ''), abs(cost / 1000000000), abs(cost % 1000000000))
END AS cost_usd
FROM api_request_log;

CREATE VIEW api_request_stats_usd AS
SELECT *, printf('%s%d.%09d', iif(cost < 0, '-', ''), abs(cost / 1000000000), abs(cost % 1000000000)) AS cost_usd
FROM api_request_stats;
