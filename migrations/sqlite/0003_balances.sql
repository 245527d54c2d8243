-- What an operator says about the balance of a key, and what was learned of it. Units and types: ../README.md.

ALTER TABLE api_keys ADD COLUMN balance BLOB;   -- sealed: JSON of probe, values, minimum and rate; NULL: nothing was said

CREATE TABLE api_key_balances (
    id          INTEGER PRIMARY KEY,
    create_time INTEGER NOT NULL,                -- since when it is known
    update_time INTEGER NOT NULL,                -- until when it was seen to be the same
    key_id      INTEGER NOT NULL,
    fingerprint TEXT    NOT NULL,                -- of the credential it was learned with
    source      TEXT    NOT NULL CHECK (source IN ('reported', 'manual')),
    kind        TEXT    NOT NULL,                -- balance, spend_only, plan_window, ledger
    amount      INTEGER,                         -- billionths of the currency, NULL: unknown
    currency    TEXT,
    reading     TEXT    NOT NULL,                -- JSON of everything that was said
    booked      INTEGER NOT NULL,                -- what our own books had for the key then
    raw         TEXT                             -- what it was read from; kept for the newest alone
) STRICT;

CREATE INDEX api_key_balances_key ON api_key_balances (key_id, source);
