-- What prompt caches save, in nano-dollars: tokens read from a cache at the price of fresh input, less what they cost.

ALTER TABLE api_request_log ADD COLUMN saved BIGINT;         -- NULL: not known
ALTER TABLE api_request_attempts ADD COLUMN saved BIGINT;

ALTER TABLE api_request_stats
    ADD COLUMN cached BIGINT NOT NULL DEFAULT 0,             -- calls that read from a cache
    ADD COLUMN saved_known BIGINT NOT NULL DEFAULT 0,        -- those of which is known what it saved
    ADD COLUMN saved BIGINT NOT NULL DEFAULT 0;              -- of the latter
