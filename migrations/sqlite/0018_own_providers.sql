-- Providers that operators bring along, in the shape of the presets.
CREATE TABLE providers (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    provider    TEXT    NOT NULL UNIQUE,          -- what keys name
    definition  TEXT    NOT NULL                  -- JSON
) STRICT;
