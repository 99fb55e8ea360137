-- Whose way is traced: the ids are 16 bytes, as in W3C Trace Context; null: it is not.

ALTER TABLE journal ADD COLUMN trace_id BLOB;
ALTER TABLE dead_letters ADD COLUMN trace_id BLOB;

-- What the ids of traces are derived from, beside those of events (see `core.traces`): one row.
CREATE TABLE tracing (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    salt BLOB    NOT NULL
) STRICT;
INSERT INTO tracing VALUES (1, randomblob(16));
