-- What may be asked for and spent, and what is spent and held.

ALTER TABLE client_tokens
    ADD COLUMN ip_allow JSONB NOT NULL DEFAULT '[]',    -- list of addresses and networks
    ADD COLUMN rpm BIGINT,                              -- requests a minute, NULL: no limit
    ADD COLUMN tpm BIGINT,                              -- tokens a minute
    ADD COLUMN concurrency BIGINT,                      -- calls at a time
    ADD COLUMN budget JSONB,                            -- object, NULL: no budget
    ADD COLUMN group_id BIGINT;                         -- token_groups.id

ALTER TABLE api_keys ADD COLUMN budget JSONB;

CREATE TABLE token_groups (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    name        TEXT   NOT NULL CONSTRAINT token_groups_name UNIQUE,
    rpm         BIGINT,
    tpm         BIGINT,
    concurrency BIGINT,
    budget      JSONB,
    memo        TEXT   NOT NULL
);

-- One row for each window of each budget in which anything was ever held or spent.
CREATE TABLE budget_periods (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time  BIGINT NOT NULL,
    update_time  BIGINT NOT NULL,
    scope        TEXT   NOT NULL CHECK (scope IN ('token', 'group', 'key', 'site')),
    scope_id     BIGINT NOT NULL,                  -- client_tokens.id, token_groups.id, api_keys.id; 0: the site
    "window"     TEXT   NOT NULL CHECK ("window" IN ('day', 'week', 'month', 'total')),
    period_start BIGINT NOT NULL,                  -- 0: for ever
    spent        BIGINT NOT NULL,                  -- folded, and the cost of all its holds
    held         BIGINT NOT NULL CHECK (held >= 0),    -- the amount of its holds in state 'held'
    folded       BIGINT NOT NULL DEFAULT 0,        -- what was spent by holds that are not kept any more
    UNIQUE (scope, scope_id, "window", period_start)
) WITH (fillfactor = 50);                          -- a row is written over and over; in place, no index has to know

-- What was held for a call in one budget, and what it became. A call that costs a budget in which nothing was held has a
-- row here as well, with an amount of 0. A row leaves the state 'held' once.
CREATE TABLE budget_holds (
    id          BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT  NOT NULL,
    update_time BIGINT  NOT NULL,
    call_id     UUID    NOT NULL,                  -- its owner
    n           BIGINT  NOT NULL,                  -- 0 for the first of the call
    period_id   BIGINT  NOT NULL,                  -- budget_periods.id
    amount      BIGINT  NOT NULL CHECK (amount >= 0),
    cost        BIGINT  NOT NULL DEFAULT 0,
    state       TEXT    NOT NULL CHECK (state IN ('held', 'settled', 'void', 'recovered')),
    node        BIGINT,                            -- the node that asked for it
    UNIQUE (call_id, n, period_id)
);

-- Calls that run are few; this is what a start looks for.
CREATE INDEX budget_holds_open ON budget_holds (node) WHERE state = 'held';
