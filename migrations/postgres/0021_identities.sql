-- Who users are to issuers of OpenID Connect.
CREATE TABLE user_identities (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    user_id     BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issuer      TEXT   NOT NULL,
    subject     TEXT   NOT NULL,                   -- what the issuer calls the user, and never another one
    CONSTRAINT user_identities_subject UNIQUE (issuer, subject),
    CONSTRAINT user_identities_user UNIQUE (user_id, issuer)
);
