-- Ids may be text now: every column that holds one becomes ANY, which keeps a value as it is.
-- SQLite changes no column's type, so the tables are made anew; sequences go on where they were.

CREATE TABLE new_journal (
    seq                   INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused
    event_id              ANY     NOT NULL UNIQUE,            -- a number or text, by feed.id_kind
    parcel_id             INTEGER NOT NULL,
    type                  TEXT    NOT NULL,
    created_at            TEXT    NOT NULL,
    status_code           TEXT    NOT NULL,
    run_id                TEXT,
    carrier_id            TEXT,
    user_id               TEXT,
    device_id             ANY,                                -- as served: a number or text
    device_transaction_id ANY,
    milestone             TEXT,                               -- picked_up, delivered, or none
    corrects              TEXT,                               -- the milestone's instant before
    recorded_at           INTEGER NOT NULL
) STRICT;
INSERT INTO new_journal SELECT * FROM journal ORDER BY seq;
CREATE TABLE new_dead_letters (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    identity   TEXT    NOT NULL UNIQUE,
    event_id   ANY,
    reason     TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    raw        BLOB    NOT NULL,
    asked_from ANY     NOT NULL,                              -- FromEventId of its page
    attempts   INTEGER NOT NULL DEFAULT 1,
    state      TEXT    NOT NULL DEFAULT 'open',
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    parcel_id  INTEGER,                                       -- null: cannot be read
    digest     TEXT    NOT NULL DEFAULT '',                   -- of raw; '' from before
    closed_at  INTEGER                                        -- null: open
) STRICT;
INSERT INTO new_dead_letters SELECT * FROM dead_letters ORDER BY id;
CREATE TABLE new_dead_letter_history (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    letter     INTEGER NOT NULL REFERENCES new_dead_letters (id) ON DELETE CASCADE,
    at         INTEGER NOT NULL,                              -- milliseconds since 1970
    act        TEXT    NOT NULL,                              -- seen, failed_again, ...
    reason     TEXT,                                          -- these two: what was wrong then
    detail     TEXT,
    digest     TEXT,                                          -- of the bytes that were wrong
    raw        BLOB,                                          -- they, unless the letter has them
    asked_from ANY                                            -- FromEventId of their page
) STRICT;
INSERT INTO new_dead_letter_history SELECT * FROM dead_letter_history ORDER BY id;
CREATE TABLE new_audit (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,                                  -- milliseconds since 1970
    action TEXT    NOT NULL,                                  -- reset, retention_gap, cursor_set, ...
    was    ANY,                                               -- the cursor before
    now    ANY,                                               -- and after
    detail TEXT    NOT NULL
) STRICT;
INSERT INTO new_audit SELECT * FROM audit ORDER BY id;

-- Rows that are gone have used up their numbers too.
DELETE FROM sqlite_sequence WHERE name LIKE 'new/_%' ESCAPE '/';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'new_' || name, seq FROM sqlite_sequence
    WHERE name IN ('journal', 'dead_letters', 'dead_letter_history', 'audit');

DROP TABLE journal;
ALTER TABLE new_journal RENAME TO journal;
CREATE INDEX journal_by_parcel ON journal (parcel_id);

DROP TABLE dead_letter_history; -- before the letters, which would take it with them row by row
DROP TABLE dead_letters;
ALTER TABLE new_dead_letters RENAME TO dead_letters;
ALTER TABLE new_dead_letter_history RENAME TO dead_letter_history;
CREATE INDEX dead_letters_by_reason ON dead_letters (state, reason);
CREATE INDEX dead_letters_by_parcel ON dead_letters (parcel_id) WHERE parcel_id IS NOT NULL;
CREATE INDEX dead_letters_open ON dead_letters (event_id) WHERE state = 'open';
CREATE INDEX dead_letters_closed ON dead_letters (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX dead_letter_history_by_letter ON dead_letter_history (letter);

DROP TABLE audit;
ALTER TABLE new_audit RENAME TO audit;

CREATE TABLE new_parcels (
    parcel_id          INTEGER PRIMARY KEY,
    event_id           ANY     NOT NULL,                      -- the latest event
    type               TEXT    NOT NULL,
    created_at         TEXT    NOT NULL,
    status_code        TEXT    NOT NULL,
    run_id             TEXT,
    picked_up_event_id ANY,
    picked_up_at       TEXT,
    delivered_event_id ANY,
    delivered_at       TEXT
) STRICT;
INSERT INTO new_parcels SELECT * FROM parcels ORDER BY parcel_id;
DROP TABLE parcels;
ALTER TABLE new_parcels RENAME TO parcels;

CREATE TABLE new_feed (
    one             INTEGER PRIMARY KEY CHECK (one = 1),
    name            TEXT    NOT NULL,
    id_kind         TEXT    NOT NULL,
    "order"         TEXT    NOT NULL,
    url             TEXT    NOT NULL,
    cursor          ANY,                                      -- null: nothing committed yet
    anchored        INTEGER NOT NULL DEFAULT 0,               -- the cursor is an event's id
    missing_history INTEGER NOT NULL DEFAULT 0,               -- ids missing from before the window
    inclusive       INTEGER,                                  -- FromEventId is counted in; null: unknown
    high            INTEGER NOT NULL DEFAULT 0,               -- up to here holes are accounted for
    attempts        INTEGER NOT NULL DEFAULT 0,               -- generations begun at this cursor
    pruned_dead_letters INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO new_feed SELECT * FROM feed;
DROP TABLE feed;
ALTER TABLE new_feed RENAME TO feed;
ALTER TABLE feed ADD COLUMN fields TEXT NOT NULL DEFAULT '{}'; -- fields that are not the sample's
