-- Why a call went where it went.

ALTER TABLE api_request_attempts
    ADD COLUMN chosen_by TEXT,      -- home, hash, strategy; NULL: the same key once more
    ADD COLUMN candidates BIGINT;   -- keys that could serve the model

-- A call that went to the first key that was looked at has no rows here.
CREATE TABLE api_request_choices (
    call_id UUID    NOT NULL,
    n       INTEGER NOT NULL,
    choice  JSONB   NOT NULL,       -- object: who was passed over, with the reasons
    PRIMARY KEY (call_id, n)
);

CREATE OR REPLACE FUNCTION api_request_log_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM api_request_attempts WHERE request_id IN (SELECT id FROM gone);
    DELETE FROM api_request_losses WHERE call_id IN (SELECT call_id FROM gone);
    DELETE FROM api_request_choices WHERE call_id IN (SELECT call_id FROM gone);
    RETURN NULL;
END $$;
