-- What calls said, where an operator wants it kept: cut to a length and without secrets.
CREATE TABLE api_request_bodies (
    call_id       BLOB    PRIMARY KEY CHECK (length(call_id) = 16),
    create_time   INTEGER NOT NULL,                -- when the call came
    request       TEXT,                            -- NULL: it was no text
    request_bytes INTEGER NOT NULL,                -- how long it was
    answer        TEXT,
    answer_bytes  INTEGER NOT NULL
) STRICT;

CREATE INDEX api_request_bodies_age ON api_request_bodies (create_time);

CREATE TRIGGER api_request_bodies_delete AFTER DELETE ON api_request_log
BEGIN
    DELETE FROM api_request_bodies WHERE call_id = old.call_id;
END;
