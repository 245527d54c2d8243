-- Prices that were written down while the pool runs, and the terms on which attempts were served.

-- Rows are never changed: who changes a price adds one. Of those that hold at a time, the last holds.
CREATE TABLE model_prices (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    origin      TEXT   NOT NULL CHECK (origin IN ('own', 'list')),
    provider    TEXT,                              -- NULL: of all providers
    model       TEXT   NOT NULL,
    aliases     JSONB  NOT NULL,                   -- list of other names
    valid_from  BIGINT NOT NULL,
    price       JSONB,                             -- in USD per million tokens; NULL: none any more
    source      TEXT   NOT NULL,
    who         TEXT   NOT NULL,
    note        TEXT   NOT NULL
);

ALTER TABLE api_request_attempts ADD COLUMN service_terms TEXT;   -- batch, flex, priority, fast, us, joined by +; NULL: the usual ones
ALTER TABLE api_request_attempts ADD COLUMN price_factor BIGINT;  -- millionths of the price; NULL: not noted
