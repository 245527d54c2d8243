-- Who users are to issuers of OpenID Connect.
CREATE TABLE user_identities (
    id          INTEGER PRIMARY KEY,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issuer      TEXT    NOT NULL,
    subject     TEXT    NOT NULL,                  -- what the issuer calls the user, and never another one
    UNIQUE (issuer, subject),
    UNIQUE (user_id, issuer)
) STRICT;
