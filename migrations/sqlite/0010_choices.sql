-- Why a call went where it went.

ALTER TABLE api_request_attempts ADD COLUMN chosen_by TEXT;      -- home, hash, strategy; NULL: the same key once more
ALTER TABLE api_request_attempts ADD COLUMN candidates INTEGER;  -- keys that could serve the model

-- A call that went to the first key that was looked at has no rows here.
CREATE TABLE api_request_choices (
    call_id BLOB    NOT NULL CHECK (length(call_id) = 16),
    n       INTEGER NOT NULL,
    choice  TEXT    NOT NULL,  -- JSON object: who was passed over, with the reasons
    PRIMARY KEY (call_id, n)
) STRICT, WITHOUT ROWID;
