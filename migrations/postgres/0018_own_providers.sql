-- Providers that operators bring along, in the shape of the presets.
CREATE TABLE providers (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    provider    TEXT   NOT NULL UNIQUE,           -- what keys name
    definition  JSONB  NOT NULL                   -- object
);
