-- For a list of more than two, SQLite makes a table each time it checks a row: a third of what it cost to hold money.

CREATE TABLE budget_holds_checked (
    id          INTEGER PRIMARY KEY,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    call_id     BLOB    NOT NULL CHECK (length(call_id) = 16),   -- its owner
    n           INTEGER NOT NULL,                  -- 0 for the first of the call
    period_id   INTEGER NOT NULL,                  -- budget_periods.id
    amount      INTEGER NOT NULL CHECK (amount >= 0),
    cost        INTEGER NOT NULL DEFAULT 0,
    state       TEXT    NOT NULL CHECK (state = 'held' OR state = 'settled' OR state = 'void' OR state = 'recovered'),
    UNIQUE (call_id, n, period_id)
) STRICT;

INSERT INTO budget_holds_checked (id, create_time, update_time, call_id, n, period_id, amount, cost, state)
SELECT id, create_time, update_time, call_id, n, period_id, amount, cost, state FROM budget_holds ORDER BY id;

DROP TABLE budget_holds;

ALTER TABLE budget_holds_checked RENAME TO budget_holds;

CREATE INDEX budget_holds_open ON budget_holds (period_id) WHERE state = 'held';
