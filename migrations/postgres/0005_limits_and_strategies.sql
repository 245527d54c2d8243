-- What an operator allows a key, and how one is chosen among the keys of a route.

ALTER TABLE api_keys
    ADD COLUMN rpm BIGINT,          -- requests a minute, NULL: no limit of the operator's
    ADD COLUMN tpm BIGINT,          -- tokens a minute
    ADD COLUMN concurrency BIGINT;  -- calls at a time

ALTER TABLE routes ADD COLUMN strategy TEXT NOT NULL DEFAULT 'weighted';
