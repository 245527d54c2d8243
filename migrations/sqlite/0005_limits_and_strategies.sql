-- What an operator allows a key, and how one is chosen among the keys of a route.

ALTER TABLE api_keys ADD COLUMN rpm INTEGER;          -- requests a minute, NULL: no limit of the operator's
ALTER TABLE api_keys ADD COLUMN tpm INTEGER;          -- tokens a minute
ALTER TABLE api_keys ADD COLUMN concurrency INTEGER;  -- calls at a time

ALTER TABLE routes ADD COLUMN strategy TEXT NOT NULL DEFAULT 'weighted';
