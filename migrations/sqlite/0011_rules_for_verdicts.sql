-- What operators say about answers of upstreams, and what those answers were.

-- The first that matches decides, by position and then by id.
CREATE TABLE verdict_rules (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    provider    TEXT,                              -- NULL: of all providers
    enabled     INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    position    INTEGER NOT NULL,
    rule        TEXT    NOT NULL                   -- JSON: what to look for, and what it means
) STRICT;

-- What rules look at, of each answer that was no success. A call that met none has no rows here.
CREATE TABLE api_request_evidence (
    request_id INTEGER NOT NULL,                   -- api_request_log.id
    n          INTEGER NOT NULL,                   -- of the attempt
    evidence   TEXT    NOT NULL,                   -- JSON: status, codes, text, body, headers, wait_ms
    PRIMARY KEY (request_id, n)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER api_request_evidence_delete AFTER DELETE ON api_request_log
BEGIN
    DELETE FROM api_request_evidence WHERE request_id = old.id;
END;
