-- What operators write, and the books. Units and types: ../README.md.

CREATE TABLE schema_migrations (
    number     INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    applied_at BIGINT  NOT NULL
);

-- The processes that share this database. What they leave open bears their number; who is silent past expires_at is gone.
CREATE TABLE nodes (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    name        TEXT   NOT NULL,                   -- the same after a restart
    expires_at  BIGINT NOT NULL                    -- by the clock of the database
);

-- Counts changes of what operators write, so that other nodes notice them. One row.
CREATE TABLE config_revision (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    revision BIGINT  NOT NULL
);
INSERT INTO config_revision VALUES (1, 0);

-- The data key, sealed under the master key that lives outside of this database.
CREATE TABLE vault (
    id          INTEGER PRIMARY KEY,
    create_time BIGINT  NOT NULL,
    update_time BIGINT  NOT NULL,
    wrapped_key BYTEA   NOT NULL
);

CREATE TABLE api_keys (
    id            BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time   BIGINT  NOT NULL,
    update_time   BIGINT  NOT NULL,
    name          TEXT    NOT NULL,
    provider      TEXT    NOT NULL,
    api_key       BYTEA   NOT NULL,                -- sealed
    api_key_hint  TEXT    NOT NULL,
    fingerprint   TEXT    NOT NULL CONSTRAINT api_keys_fingerprint UNIQUE,
    ua            TEXT,
    proxy_ip      BYTEA,                           -- sealed: the address may hold a password
    headers       BYTEA,                           -- sealed: JSON list of name and value
    base_url      TEXT,
    formats       JSONB,                           -- list, NULL: what the provider says
    enabled       BOOLEAN NOT NULL,
    priority      BIGINT  NOT NULL,
    weight        BIGINT  NOT NULL,
    models        JSONB   NOT NULL,                -- list
    models_denied JSONB   NOT NULL,                -- list
    account       TEXT,
    total_balance BIGINT,
    price_factor  BIGINT  NOT NULL,                -- millionths of the list price
    tags          JSONB   NOT NULL,                -- list
    memo          TEXT    NOT NULL
);

CREATE TABLE client_tokens (
    id          BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT  NOT NULL,
    update_time BIGINT  NOT NULL,
    name        TEXT    NOT NULL,
    digest      BYTEA   NOT NULL CONSTRAINT client_tokens_digest UNIQUE CHECK (length(digest) = 32),
    hint        TEXT    NOT NULL,
    enabled     BOOLEAN NOT NULL,
    expires_at  BIGINT,
    models      JSONB   NOT NULL,                  -- list
    memo        TEXT    NOT NULL
);

CREATE TABLE routes (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    model       TEXT   NOT NULL CONSTRAINT routes_model UNIQUE,
    candidates  JSONB  NOT NULL                    -- list of model, provider, tier, weight
);

CREATE TABLE config (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    key         TEXT   NOT NULL UNIQUE,
    value       TEXT   NOT NULL
);

CREATE TABLE api_request_log (
    id                    BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time           BIGINT  NOT NULL,
    update_time           BIGINT  NOT NULL,
    call_id               UUID    NOT NULL UNIQUE,
    node                  BIGINT,                  -- the node that opened it
    token_id              BIGINT,
    key_id                BIGINT,                  -- the key that served it, else the last one tried
    provider              TEXT,
    model                 TEXT    NOT NULL,
    format                TEXT    NOT NULL,
    endpoint              TEXT    NOT NULL,
    stream                BOOLEAN NOT NULL,
    upstream_format       TEXT,
    upstream_model        TEXT,
    input_tokens          BIGINT  NOT NULL DEFAULT 0,  -- the whole prompt, cached parts included
    output_tokens         BIGINT  NOT NULL DEFAULT 0,
    total_tokens          BIGINT  NOT NULL DEFAULT 0,
    uncached_input_tokens BIGINT  NOT NULL DEFAULT 0,
    cache_read_tokens     BIGINT  NOT NULL DEFAULT 0,
    cache_write_5m_tokens BIGINT  NOT NULL DEFAULT 0,
    cache_write_1h_tokens BIGINT  NOT NULL DEFAULT 0,
    reasoning_tokens      BIGINT,                  -- a part of output_tokens, NULL: not told
    cost                  BIGINT,
    latency_ms            BIGINT,
    first_byte_ms         BIGINT,
    attempts              BIGINT  NOT NULL DEFAULT 0,
    estimated             BOOLEAN NOT NULL DEFAULT FALSE,
    status                TEXT    NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'success', 'error')),
    outcome               TEXT,                    -- NULL: the call is still running
    http_status_code      INTEGER,
    error_type            TEXT,
    error_message         TEXT,
    CHECK ((outcome IS NULL) = (status = 'open'))
);

-- Time needs no index of its own: a call_id begins with it. Calls that still run are few.
CREATE INDEX api_request_log_open ON api_request_log (node) WHERE outcome IS NULL;

CREATE TABLE api_request_attempts (
    call_id               UUID    NOT NULL,
    n                     INTEGER NOT NULL,        -- from 0, in the order they were made
    attempt_id            UUID    NOT NULL,
    create_time           BIGINT  NOT NULL,
    key_id                BIGINT  NOT NULL,
    provider              TEXT    NOT NULL,
    upstream_format       TEXT    NOT NULL,
    upstream_model        TEXT    NOT NULL,
    served                BOOLEAN NOT NULL,
    verdict               TEXT    NOT NULL,
    http_status_code      INTEGER,
    error_message         TEXT,
    latency_ms            BIGINT  NOT NULL,
    first_byte_ms         BIGINT,
    uncached_input_tokens BIGINT  NOT NULL,
    cache_read_tokens     BIGINT  NOT NULL,
    cache_write_5m_tokens BIGINT  NOT NULL,
    cache_write_1h_tokens BIGINT  NOT NULL,
    output_tokens         BIGINT  NOT NULL,
    reasoning_tokens      BIGINT,
    estimated             BOOLEAN NOT NULL,
    cost                  BIGINT,
    price_version         TEXT,
    PRIMARY KEY (call_id, n)
);

CREATE TABLE api_request_stats (
    id                    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time           BIGINT NOT NULL,
    update_time           BIGINT NOT NULL,
    granularity           TEXT   NOT NULL CHECK (granularity IN ('hour', 'day')),
    bucket_start          BIGINT NOT NULL,
    key_id                BIGINT NOT NULL,         -- 0: none
    model                 TEXT   NOT NULL,
    provider              TEXT   NOT NULL,         -- '': none
    token_id              BIGINT NOT NULL,         -- 0: none
    requests              BIGINT NOT NULL,
    errors                BIGINT NOT NULL,
    uncached_input_tokens BIGINT NOT NULL,
    cache_read_tokens     BIGINT NOT NULL,
    cache_write_5m_tokens BIGINT NOT NULL,
    cache_write_1h_tokens BIGINT NOT NULL,
    output_tokens         BIGINT NOT NULL,
    reasoning_tokens      BIGINT,
    cost                  BIGINT NOT NULL,         -- of the calls whose price is known
    unpriced              BIGINT NOT NULL,         -- how many are not among them
    latency_ms            BIGINT NOT NULL,         -- sum
    first_byte_ms         BIGINT NOT NULL,         -- sum over first_bytes calls
    first_bytes           BIGINT NOT NULL,
    UNIQUE (granularity, bucket_start, key_id, model, provider, token_id)
) WITH (fillfactor = 50);                          -- a row is written over and over; in place, no index has to know

-- For people: the same rows with the cost as decimal text in USD.
CREATE VIEW api_request_log_usd AS
SELECT *, (cost::numeric / 1000000000)::numeric(20, 9)::text AS cost_usd FROM api_request_log;

CREATE VIEW api_request_stats_usd AS
SELECT *, (cost::numeric / 1000000000)::numeric(20, 9)::text AS cost_usd FROM api_request_stats;
