-- What operators say about answers of upstreams, and what those answers were.

-- The first that matches decides, by position and then by id.
CREATE TABLE verdict_rules (
    id          BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT  NOT NULL,
    update_time BIGINT  NOT NULL,
    name        TEXT    NOT NULL,
    provider    TEXT,                              -- NULL: of all providers
    enabled     BOOLEAN NOT NULL,
    position    BIGINT  NOT NULL,
    rule        JSONB   NOT NULL                   -- object: what to look for, and what it means
);

-- What rules look at, of each answer that was no success. A call that met none has no rows here.
CREATE TABLE api_request_evidence (
    request_id BIGINT NOT NULL,                    -- api_request_log.id
    n          BIGINT NOT NULL,                    -- of the attempt
    evidence   JSONB  NOT NULL,                    -- object: status, codes, text, body, headers, wait_ms
    PRIMARY KEY (request_id, n)
);

CREATE OR REPLACE FUNCTION api_request_log_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM api_request_attempts WHERE request_id IN (SELECT id FROM gone);
    DELETE FROM api_request_evidence WHERE request_id IN (SELECT id FROM gone);
    DELETE FROM api_request_losses WHERE call_id IN (SELECT call_id FROM gone);
    DELETE FROM api_request_choices WHERE call_id IN (SELECT call_id FROM gone);
    RETURN NULL;
END $$;
