-- What calls turned out to cost after they were booked. Records are never changed: the last row for an attempt holds.
CREATE TABLE api_request_adjustments (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time   BIGINT NOT NULL,
    update_time   BIGINT NOT NULL,
    request_id    BIGINT NOT NULL,                 -- api_request_log.id
    n             BIGINT NOT NULL,                 -- of the attempt
    cost_before   BIGINT,                          -- NULL: it was not known
    cost          BIGINT NOT NULL,
    saved_before  BIGINT,
    saved         BIGINT,
    price_version TEXT   NOT NULL,
    call_cost     BIGINT,                          -- of the whole call since then, NULL: not known yet
    call_saved    BIGINT,
    who           TEXT   NOT NULL,
    note          TEXT   NOT NULL
);

CREATE INDEX api_request_adjustments_request ON api_request_adjustments (request_id, n);

-- By how much that changed what is spent of a budget.
CREATE TABLE budget_adjustments (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    call_id     UUID   NOT NULL,
    period_id   BIGINT NOT NULL,                   -- budget_periods.id
    amount      BIGINT NOT NULL                    -- less than nothing where the call cost less
);

CREATE INDEX budget_adjustments_call ON budget_adjustments (call_id);

-- Everything that is kept of a call goes with it.
CREATE OR REPLACE FUNCTION api_request_log_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM api_request_attempts WHERE request_id IN (SELECT id FROM gone);
    DELETE FROM api_request_evidence WHERE request_id IN (SELECT id FROM gone);
    DELETE FROM api_request_losses WHERE call_id IN (SELECT call_id FROM gone);
    DELETE FROM api_request_choices WHERE call_id IN (SELECT call_id FROM gone);
    DELETE FROM api_request_adjustments WHERE request_id IN (SELECT id FROM gone);
    RETURN NULL;
END $$;

-- Since 0013 it was left behind.
DELETE FROM api_request_evidence WHERE NOT EXISTS (SELECT 1 FROM api_request_log WHERE id = request_id);
