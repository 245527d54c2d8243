-- How calls are translated, by client token and by route, and what was lost on the way.

ALTER TABLE client_tokens ADD COLUMN strict_translation BOOLEAN NOT NULL DEFAULT FALSE;

-- JSON object of switches; one that is missing is as it is without a route.
ALTER TABLE routes ADD COLUMN translation JSONB NOT NULL DEFAULT '{}';

-- A call that lost nothing has no rows here, so that calls which are not translated cost nothing.
CREATE TABLE api_request_losses (
    call_id UUID    NOT NULL,
    n       INTEGER NOT NULL,
    side    TEXT    NOT NULL CHECK (side IN ('request', 'answer')),
    kind    TEXT    NOT NULL CHECK (kind IN ('dropped', 'adjusted')),
    field   TEXT    NOT NULL,
    note    TEXT    NOT NULL,
    PRIMARY KEY (call_id, n)
);
