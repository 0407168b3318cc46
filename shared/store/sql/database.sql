-- relax_commit --
-- Let this transaction's commit return before it is on disk.
SET LOCAL synchronous_commit = off;

-- take_all_time --
-- Let the statements of this transaction run as long as they need.
SET LOCAL statement_timeout = 0;

-- vacuum --
-- Give deleted rows' space back and count what is left; tables that another session vacuums are its business.
VACUUM (ANALYZE, SKIP_LOCKED) emails, email_events, actions;

-- lock_migrations --
-- Wait until no other process migrates; PostgreSQL releases the lock with the connection.
SELECT pg_advisory_lock(hashtext('email-agent migrations'));

-- create_migrations --
-- Make the table of applied migrations.
CREATE TABLE IF NOT EXISTS migrations (
    name text PRIMARY KEY,
    digest text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- list_migrations --
-- List what was applied to this database.
SELECT name, digest FROM migrations;

-- record_migration --
-- Note an applied migration, in its own transaction.
INSERT INTO migrations (name, digest) VALUES (%(name)s, %(digest)s);
