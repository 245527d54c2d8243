-- Calls that were forgotten are missing from every total that is made again of single calls; this says since when it is whole.
CREATE TABLE retention (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    update_time      BIGINT NOT NULL,
    forgotten_before BIGINT NOT NULL             -- calls admitted earlier may be gone
);

-- Everything that is kept of a call goes with it.
CREATE OR REPLACE FUNCTION api_request_log_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM api_request_attempts WHERE request_id IN (SELECT id FROM gone);
    DELETE FROM api_request_losses WHERE call_id IN (SELECT call_id FROM gone);
    DELETE FROM api_request_choices WHERE call_id IN (SELECT call_id FROM gone);
    RETURN NULL;
END $$;
