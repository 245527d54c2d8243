-- What may be asked for and spent, and what is spent and held.

ALTER TABLE client_tokens ADD COLUMN ip_allow TEXT NOT NULL DEFAULT '[]';   -- JSON list of addresses and networks
ALTER TABLE client_tokens ADD COLUMN rpm INTEGER;                           -- requests a minute, NULL: no limit
ALTER TABLE client_tokens ADD COLUMN tpm INTEGER;                           -- tokens a minute
ALTER TABLE client_tokens ADD COLUMN concurrency INTEGER;                   -- calls at a time
ALTER TABLE client_tokens ADD COLUMN budget TEXT;                           -- JSON object, NULL: no budget
ALTER TABLE client_tokens ADD COLUMN group_id INTEGER;                      -- token_groups.id

ALTER TABLE api_keys ADD COLUMN budget TEXT;

CREATE TABLE token_groups (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    name        TEXT    NOT NULL UNIQUE,
    rpm         INTEGER,
    tpm         INTEGER,
    concurrency INTEGER,
    budget      TEXT,
    memo        TEXT    NOT NULL
) STRICT;

-- One row for each window of each budget in which anything was ever held or spent.
CREATE TABLE budget_periods (
    id           INTEGER PRIMARY KEY,
    create_time  INTEGER NOT NULL,
    update_time  INTEGER NOT NULL,
    scope        TEXT    NOT NULL CHECK (scope IN ('token', 'group', 'key', 'site')),
    scope_id     INTEGER NOT NULL,                 -- client_tokens.id, token_groups.id, api_keys.id; 0: the site
    window       TEXT    NOT NULL CHECK (window IN ('day', 'week', 'month', 'total')),
    period_start INTEGER NOT NULL,                 -- 0: for ever
    spent        INTEGER NOT NULL,                 -- folded, and the cost of all its holds
    held         INTEGER NOT NULL CHECK (held >= 0),   -- the amount of its holds in state 'held'
    folded       INTEGER NOT NULL DEFAULT 0,       -- what was spent by holds that are not kept any more
    UNIQUE (scope, scope_id, window, period_start)
) STRICT;

-- What was held for a call in one budget, and what it became. A call that costs a budget in which nothing was held has a
-- row here as well, with an amount of 0. A row leaves the state 'held' once.
CREATE TABLE budget_holds (
    id          INTEGER PRIMARY KEY,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    call_id     BLOB    NOT NULL CHECK (length(call_id) = 16),   -- its owner
    n           INTEGER NOT NULL,                  -- 0 for the first of the call
    period_id   INTEGER NOT NULL,                  -- budget_periods.id
    amount      INTEGER NOT NULL CHECK (amount >= 0),
    cost        INTEGER NOT NULL DEFAULT 0,
    state       TEXT    NOT NULL CHECK (state IN ('held', 'settled', 'void', 'recovered')),
    UNIQUE (call_id, n, period_id)
) STRICT;

-- Calls that run are few; this is what a start looks for.
CREATE INDEX budget_holds_open ON budget_holds (period_id) WHERE state = 'held';
