-- Calls that were forgotten are missing from every total that is made again of single calls; this says since when it is whole.
CREATE TABLE retention (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    update_time      INTEGER NOT NULL,
    forgotten_before INTEGER NOT NULL            -- calls admitted earlier may be gone
) STRICT;

-- Everything that is kept of a call goes with it.
DROP TRIGGER api_request_log_delete;

CREATE TRIGGER api_request_log_delete AFTER DELETE ON api_request_log
BEGIN
    DELETE FROM api_request_attempts WHERE request_id = old.id;
    DELETE FROM api_request_losses WHERE call_id = old.call_id;
    DELETE FROM api_request_choices WHERE call_id = old.call_id;
END;
