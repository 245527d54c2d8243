-- Sums are kept for each hour and each combination of a key, a model, a provider and a client token, of which a year has
-- millions. What people look at are few of them together, so those are added up once, when an hour is over.

-- Of the rows of `api_request_stats` of one hour or day: all of them together, and those of one thing.
CREATE TABLE api_request_sums (
    part                  TEXT   NOT NULL,        -- 'all', 'key', 'model', 'provider' or 'token'
    name                  TEXT   NOT NULL,        -- which one; as in api_request_stats for none; '' for 'all'
    granularity           TEXT   NOT NULL CHECK (granularity IN ('hour', 'day')),
    bucket_start          BIGINT NOT NULL,
    requests              BIGINT NOT NULL,
    errors                BIGINT NOT NULL,
    uncached_input_tokens BIGINT NOT NULL,
    cache_read_tokens     BIGINT NOT NULL,
    cache_write_5m_tokens BIGINT NOT NULL,
    cache_write_1h_tokens BIGINT NOT NULL,
    output_tokens         BIGINT NOT NULL,
    reasoning_tokens      BIGINT,
    cost                  BIGINT NOT NULL,
    unpriced              BIGINT NOT NULL,
    latency_ms            BIGINT NOT NULL,
    first_byte_ms         BIGINT NOT NULL,
    first_bytes           BIGINT NOT NULL,
    cached                BIGINT NOT NULL,
    saved_known           BIGINT NOT NULL,
    saved                 BIGINT NOT NULL,
    latency_histogram     BIGINT[],
    first_byte_histogram  BIGINT[],
    PRIMARY KEY (part, name, granularity, bucket_start)
);

-- Hours and days that end by then are added up. Whoever changes sums of an earlier hour sets it back to that hour.
CREATE TABLE api_request_sums_until (
    id     INT    PRIMARY KEY CHECK (id = 1),
    until  BIGINT NOT NULL
);

INSERT INTO api_request_sums_until VALUES (1, 0);
