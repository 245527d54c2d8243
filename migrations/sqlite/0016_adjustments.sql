-- What calls turned out to cost after they were booked. Records are never changed: the last row for an attempt holds.
CREATE TABLE api_request_adjustments (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time   INTEGER NOT NULL,
    update_time   INTEGER NOT NULL,
    request_id    INTEGER NOT NULL,                -- api_request_log.id
    n             INTEGER NOT NULL,                -- of the attempt
    cost_before   INTEGER,                         -- NULL: it was not known
    cost          INTEGER NOT NULL,
    saved_before  INTEGER,
    saved         INTEGER,
    price_version TEXT    NOT NULL,
    call_cost     INTEGER,                         -- of the whole call since then, NULL: not known yet
    call_saved    INTEGER,
    who           TEXT    NOT NULL,
    note          TEXT    NOT NULL
) STRICT;

CREATE INDEX api_request_adjustments_request ON api_request_adjustments (request_id, n);

-- By how much that changed what is spent of a budget.
CREATE TABLE budget_adjustments (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    call_id     BLOB    NOT NULL CHECK (length(call_id) = 16),
    period_id   INTEGER NOT NULL,                  -- budget_periods.id
    amount      INTEGER NOT NULL                   -- less than nothing where the call cost less
) STRICT;

CREATE INDEX budget_adjustments_call ON budget_adjustments (call_id);

CREATE TRIGGER api_request_adjustments_delete AFTER DELETE ON api_request_log
BEGIN
    DELETE FROM api_request_adjustments WHERE request_id = old.id;
END;
