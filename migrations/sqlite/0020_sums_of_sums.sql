-- Sums are kept for each hour and each combination of a key, a model, a provider and a client token, of which a year has
-- millions. What people look at are few of them together, so those are added up once, when an hour is over.

-- Of the rows of `api_request_stats` of one hour or day: all of them together, and those of one thing.
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

-- Hours and days that end by then are added up. Whoever changes sums of an earlier hour sets it back to that hour.
CREATE TABLE api_request_sums_until (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    until  INTEGER NOT NULL
) STRICT;

INSERT INTO api_request_sums_until VALUES (1, 0);
