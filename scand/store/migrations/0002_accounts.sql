-- What was learned of the feed, and what happened to it out of the ordinary.

ALTER TABLE feed ADD COLUMN inclusive INTEGER;            -- FromEventId is counted in; null: unknown
ALTER TABLE feed ADD COLUMN high INTEGER NOT NULL DEFAULT 0; -- up to here holes are accounted for
ALTER TABLE feed ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0; -- generations begun at this cursor
UPDATE feed SET high = coalesce(cursor, 0);

-- Every time the cursor went elsewhere than on, or would not go on: who did it, and why.
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,                              -- milliseconds since 1970
    action TEXT    NOT NULL,                              -- reset, retention_gap, cursor_set, ...
    was    INTEGER,                                       -- the cursor before
    now    INTEGER,                                       -- and after
    detail TEXT    NOT NULL
) STRICT;
