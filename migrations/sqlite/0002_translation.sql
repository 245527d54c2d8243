-- How calls are translated, by client token and by route, and what was lost on the way.

ALTER TABLE client_tokens
    ADD COLUMN strict_translation INTEGER NOT NULL DEFAULT 0 CHECK (strict_translation IN (0, 1));

-- JSON object of switches; one that is missing is as it is without a route.
ALTER TABLE routes ADD COLUMN translation TEXT NOT NULL DEFAULT '{}';

-- A call that lost nothing has no rows here, so that calls which are not translated cost nothing.
CREATE TABLE api_request_losses (
    call_id BLOB    NOT NULL CHECK (length(call_id) = 16),
    n       INTEGER NOT NULL,
    side    TEXT    NOT NULL CHECK (side = 'request' OR side = 'answer'),
    kind    TEXT    NOT NULL CHECK (kind = 'dropped' OR kind = 'adjusted'),
    field   TEXT    NOT NULL,
    note    TEXT    NOT NULL,
    PRIMARY KEY (call_id, n)
) STRICT, WITHOUT ROWID;
