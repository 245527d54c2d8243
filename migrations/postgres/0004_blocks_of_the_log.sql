-- Where in the log a name is to be found: the log is seen in blocks of 256 rows by id, and a block is noted once for each
-- name that is in it. Indexes by each of the names would grow with every call.
CREATE TABLE api_request_log_blocks (
    kind  TEXT   NOT NULL,                         -- 'key', 'token', 'model', 'status' or 'error_type'
    name  TEXT   NOT NULL,                         -- the column of the log that is called so; of statuses only 'error'
    block BIGINT NOT NULL,                         -- id >> 8
    PRIMARY KEY (kind, name, block)
);

INSERT INTO api_request_log_blocks
SELECT DISTINCT 'key', key_id::text, id >> 8 FROM api_request_log WHERE key_id IS NOT NULL
UNION ALL SELECT DISTINCT 'token', token_id::text, id >> 8 FROM api_request_log WHERE token_id IS NOT NULL
UNION ALL SELECT DISTINCT 'model', model, id >> 8 FROM api_request_log
UNION ALL SELECT DISTINCT 'status', status, id >> 8 FROM api_request_log WHERE status = 'error'
UNION ALL SELECT DISTINCT 'error_type', error_type, id >> 8 FROM api_request_log WHERE error_type IS NOT NULL;

-- Attempts stand under the row of their call instead of its sixteen bytes, and are seen off by a trigger, once for each
-- statement that deletes.
ALTER TABLE api_request_attempts ADD COLUMN request_id BIGINT;

UPDATE api_request_attempts AS attempt SET request_id = call.id
FROM api_request_log AS call WHERE call.call_id = attempt.call_id;

DELETE FROM api_request_attempts WHERE request_id IS NULL;

ALTER TABLE api_request_attempts DROP COLUMN call_id;

ALTER TABLE api_request_attempts ADD PRIMARY KEY (request_id, n);

CREATE FUNCTION api_request_log_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM api_request_attempts WHERE request_id IN (SELECT id FROM gone);
    DELETE FROM api_request_losses WHERE call_id IN (SELECT call_id FROM gone);
    RETURN NULL;
END $$;

CREATE TRIGGER api_request_log_delete AFTER DELETE ON api_request_log
REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION api_request_log_deleted();
