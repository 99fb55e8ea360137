-- The life of dead letters: see `core.dead_letters`.

ALTER TABLE dead_letters ADD COLUMN parcel_id INTEGER;        -- null: cannot be read
ALTER TABLE dead_letters ADD COLUMN digest TEXT NOT NULL DEFAULT '';  -- of raw; '' from before
ALTER TABLE dead_letters ADD COLUMN closed_at INTEGER;        -- null: open
ALTER TABLE feed ADD COLUMN pruned_dead_letters INTEGER NOT NULL DEFAULT 0;
UPDATE dead_letters SET digest = substr(identity, 8) WHERE identity LIKE 'sha256:%';

CREATE INDEX dead_letters_by_reason ON dead_letters (state, reason);
CREATE INDEX dead_letters_by_parcel ON dead_letters (parcel_id) WHERE parcel_id IS NOT NULL;
CREATE INDEX dead_letters_open ON dead_letters (event_id) WHERE state = 'open';
CREATE INDEX dead_letters_closed ON dead_letters (closed_at) WHERE closed_at IS NOT NULL;

-- What happened to each letter. Bytes that came again are only counted, in its attempts.
CREATE TABLE dead_letter_history (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    letter     INTEGER NOT NULL REFERENCES dead_letters (id) ON DELETE CASCADE,
    at         INTEGER NOT NULL,                              -- milliseconds since 1970
    act        TEXT    NOT NULL,                              -- seen, failed_again, ...
    reason     TEXT,                                          -- these two: what was wrong then
    detail     TEXT,
    digest     TEXT,                                          -- of the bytes that were wrong
    raw        BLOB,                                          -- they, unless the letter has them
    asked_from INTEGER                                        -- FromEventId of their page
) STRICT;
CREATE INDEX dead_letter_history_by_letter ON dead_letter_history (letter);

INSERT INTO dead_letter_history (letter, at, act, reason, detail, digest, asked_from)
SELECT id, first_seen, 'seen', reason, detail, digest, asked_from FROM dead_letters;

-- Until now no letter was closed when its event was applied.
UPDATE dead_letters SET state = 'superseded', closed_at = last_seen
WHERE reason <> 'conflict' AND event_id IN (SELECT event_id FROM journal);
INSERT INTO dead_letter_history (letter, at, act)
SELECT id, closed_at, 'superseded' FROM dead_letters WHERE state = 'superseded';
