-- The trigger: how often each account is synced, when that was started last, and how it went.

ALTER TABLE accounts
    ADD COLUMN sync_interval_minutes integer CHECK (sync_interval_minutes BETWEEN 1 AND 10080), -- NULL: the setting
    ADD COLUMN sync_started_at timestamptz, -- by the trigger
    ADD COLUMN sync_failures integer NOT NULL DEFAULT 0 CHECK (sync_failures >= 0), -- of the trigger's syncs, in a row
    ADD COLUMN awake_since timestamptz NOT NULL DEFAULT now(); -- since when it is not paused
