-- What prompt caches save, in nano-dollars: tokens read from a cache at the price of fresh input, less what they cost.

ALTER TABLE api_request_log ADD COLUMN saved INTEGER;        -- NULL: not known
ALTER TABLE api_request_attempts ADD COLUMN saved INTEGER;

ALTER TABLE api_request_stats ADD COLUMN cached INTEGER NOT NULL DEFAULT 0;       -- calls that read from a cache
ALTER TABLE api_request_stats ADD COLUMN saved_known INTEGER NOT NULL DEFAULT 0;  -- those of which is known what it saved
ALTER TABLE api_request_stats ADD COLUMN saved INTEGER NOT NULL DEFAULT 0;        -- of the latter
