-- What was pruned from the journal: folded, so that the parcels can still be proven, and by range,
-- so that an event that is served again is known. How late ids were, and where the head was.

-- The fold of the pruned events: joined with the fold of the journal, it is the parcels.
CREATE TABLE base (
    parcel_id          INTEGER PRIMARY KEY,
    event_id           ANY     NOT NULL,                      -- the latest event
    type               TEXT    NOT NULL,
    created_at         TEXT    NOT NULL,
    status_code        TEXT    NOT NULL,
    run_id             TEXT,
    picked_up_event_id ANY,
    picked_up_at       TEXT,
    delivered_event_id ANY,
    delivered_at       TEXT,
    events             INTEGER NOT NULL                       -- how many are folded in here
) STRICT;

-- Their ids, as ranges that do not touch; an opaque id is a range of its own. An id that was never
-- journaled is in none.
CREATE TABLE pruned_ids (
    low  ANY NOT NULL PRIMARY KEY,
    high ANY NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE feed ADD COLUMN pruned_events INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feed ADD COLUMN head_at REAL;                 -- seconds since 1970; null: never there

CREATE INDEX settled_gaps_by_outcome ON settled_gaps (outcome); -- and by id, the newest last
