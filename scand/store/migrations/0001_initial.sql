-- Instants are text of 28 characters in UTC: text order is time order.
-- recorded_at is when scand committed a row, in milliseconds since 1970.

-- Every applied event, in commit order: the history, the deduplication, and the outbox at once.
CREATE TABLE journal (
    seq                   INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused
    event_id              INTEGER NOT NULL UNIQUE,
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
CREATE INDEX journal_by_parcel ON journal (parcel_id);

-- The fold of the journal: one row per parcel.
CREATE TABLE parcels (
    parcel_id          INTEGER PRIMARY KEY,
    event_id           INTEGER NOT NULL,                      -- the latest event
    type               TEXT    NOT NULL,
    created_at         TEXT    NOT NULL,
    status_code        TEXT    NOT NULL,
    run_id             TEXT,
    picked_up_event_id INTEGER,
    picked_up_at       TEXT,
    delivered_event_id INTEGER,
    delivered_at       TEXT
) STRICT;

-- Events that were not applied. One per EventId, or per content where the id cannot be read.
CREATE TABLE dead_letters (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    identity   TEXT    NOT NULL UNIQUE,
    event_id   INTEGER,
    reason     TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    raw        BLOB    NOT NULL,
    asked_from INTEGER NOT NULL,                              -- FromEventId of its page
    attempts   INTEGER NOT NULL DEFAULT 1,
    state      TEXT    NOT NULL DEFAULT 'open',
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL
) STRICT;

-- Ids below the cursor that were not there when their successor was.
CREATE TABLE gaps (
    low   INTEGER PRIMARY KEY,
    high  INTEGER NOT NULL,
    since REAL    NOT NULL                                    -- seconds since 1970
) STRICT;

-- How each gap ended.
CREATE TABLE settled_gaps (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    outcome    TEXT    NOT NULL,                              -- filled, given_up
    low        INTEGER NOT NULL,
    high       INTEGER NOT NULL,
    since      REAL    NOT NULL,
    settled_at INTEGER NOT NULL
) STRICT;

-- Where the feed is followed from, and whose feed it is: one row.
CREATE TABLE feed (
    one             INTEGER PRIMARY KEY CHECK (one = 1),
    name            TEXT    NOT NULL,
    id_kind         TEXT    NOT NULL,
    "order"         TEXT    NOT NULL,
    url             TEXT    NOT NULL,
    cursor          INTEGER,                                  -- null: nothing committed yet
    anchored        INTEGER NOT NULL DEFAULT 0,               -- the cursor is an event's id
    missing_history INTEGER NOT NULL DEFAULT 0                -- ids missing from before the window
) STRICT;
