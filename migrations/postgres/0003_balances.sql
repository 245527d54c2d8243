-- What an operator says about the balance of a key, and what was learned of it. Units and types: ../README.md.

ALTER TABLE api_keys ADD COLUMN balance BYTEA;  -- sealed: JSON of probe, values, minimum and rate; NULL: nothing was said

CREATE TABLE api_key_balances (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT NOT NULL,                 -- since when it is known
    update_time BIGINT NOT NULL,                 -- until when it was seen to be the same
    key_id      BIGINT NOT NULL,
    fingerprint TEXT   NOT NULL,                 -- of the credential it was learned with
    source      TEXT   NOT NULL CHECK (source IN ('reported', 'manual')),
    kind        TEXT   NOT NULL,                 -- balance, spend_only, plan_window, ledger
    amount      BIGINT,                          -- billionths of the currency, NULL: unknown
    currency    TEXT,
    reading     JSONB  NOT NULL,                 -- everything that was said
    booked      BIGINT NOT NULL,                 -- what our own books had for the key then
    raw         TEXT                             -- what it was read from; kept for the newest alone
);

CREATE INDEX api_key_balances_key ON api_key_balances (key_id, source);
