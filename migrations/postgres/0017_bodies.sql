-- What calls said, where an operator wants it kept: cut to a length and without secrets.
CREATE TABLE api_request_bodies (
    call_id       UUID   PRIMARY KEY,
    create_time   BIGINT NOT NULL,                 -- when the call came
    request       TEXT,                            -- NULL: it was no text
    request_bytes BIGINT NOT NULL,                 -- how long it was
    answer        TEXT,
    answer_bytes  BIGINT NOT NULL
);

CREATE INDEX api_request_bodies_age ON api_request_bodies (create_time);

-- Everything that is kept of a call goes with it.
CREATE OR REPLACE FUNCTION api_request_log_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM api_request_attempts WHERE request_id IN (SELECT id FROM gone);
    DELETE FROM api_request_evidence WHERE request_id IN (SELECT id FROM gone);
    DELETE FROM api_request_losses WHERE call_id IN (SELECT call_id FROM gone);
    DELETE FROM api_request_choices WHERE call_id IN (SELECT call_id FROM gone);
    DELETE FROM api_request_adjustments WHERE request_id IN (SELECT id FROM gone);
    DELETE FROM api_request_bodies WHERE call_id IN (SELECT call_id FROM gone);
    RETURN NULL;
END $$;
