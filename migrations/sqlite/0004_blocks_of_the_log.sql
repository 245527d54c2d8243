-- What made a call dear to write, in another shape.
--
-- Three indexes of the log grew by an entry with every call, on as many pages as there are keys, and cost a third of what
-- the books cost. Now the log is seen in blocks of 256 rows by id, and a block is noted once for each name that is in it;
-- whoever looks for a name reads only the blocks that have it.
CREATE TABLE api_request_log_blocks (
    kind  TEXT    NOT NULL,                        -- 'key', 'token', 'model', 'status' or 'error_type'
    name  ANY     NOT NULL,                        -- the column of the log that is called so; of statuses only 'error'
    block INTEGER NOT NULL,                        -- id >> 8
    PRIMARY KEY (kind, name, block)
) STRICT, WITHOUT ROWID;

INSERT INTO api_request_log_blocks
SELECT DISTINCT 'key', key_id, id >> 8 FROM api_request_log WHERE key_id IS NOT NULL
UNION ALL SELECT DISTINCT 'token', token_id, id >> 8 FROM api_request_log WHERE token_id IS NOT NULL
UNION ALL SELECT DISTINCT 'model', model, id >> 8 FROM api_request_log
UNION ALL SELECT DISTINCT 'status', status, id >> 8 FROM api_request_log WHERE status = 'error'
UNION ALL SELECT DISTINCT 'error_type', error_type, id >> 8 FROM api_request_log WHERE error_type IS NOT NULL;

DROP INDEX api_request_log_key;
DROP INDEX api_request_log_token;
DROP INDEX api_request_log_model;
DROP INDEX api_request_log_errors;
DROP INDEX api_request_log_error_type;

-- Attempts stand under the row of their call instead of its sixteen bytes: new ones come last, and finding the place
-- compares numbers. A trigger sees them off, which costs nothing until something is deleted; a foreign key looks for the
-- call at every insert.
ALTER TABLE api_request_attempts RENAME TO api_request_attempts_before;

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
    price_version         TEXT,
    PRIMARY KEY (request_id, n)
) STRICT, WITHOUT ROWID;

INSERT INTO api_request_attempts
SELECT call.id, old.n, old.attempt_id, old.create_time, old.key_id, old.provider, old.upstream_format,
       old.upstream_model, old.served, old.verdict, old.http_status_code, old.error_message, old.latency_ms,
       old.first_byte_ms, old.uncached_input_tokens, old.cache_read_tokens, old.cache_write_5m_tokens,
       old.cache_write_1h_tokens, old.output_tokens, old.reasoning_tokens, old.estimated, old.cost, old.price_version
FROM api_request_attempts_before AS old JOIN api_request_log AS call ON call.call_id = old.call_id;

DROP TABLE api_request_attempts_before;

CREATE TRIGGER api_request_log_delete AFTER DELETE ON api_request_log
BEGIN
    DELETE FROM api_request_attempts WHERE request_id = old.id;
    DELETE FROM api_request_losses WHERE call_id = old.call_id;
END;
