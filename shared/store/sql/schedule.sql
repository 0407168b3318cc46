-- hold_lead --
-- Take or renew the right to be the trigger; it covers no IMAP command, so expiry is enough.
INSERT INTO leases AS held (name, holder, token, expires_at)
VALUES (
    'trigger', %(holder)s, %(token)s::uuid,
    coalesce(%(now)s::timestamptz, clock_timestamp()) + make_interval(secs => %(seconds)s)
)
ON CONFLICT (name) DO UPDATE
    SET holder = excluded.holder, token = excluded.token, expires_at = excluded.expires_at
    WHERE held.token = excluded.token OR held.expires_at <= coalesce(%(now)s::timestamptz, clock_timestamp())
RETURNING name;

-- give_up_lead --
-- Let another trigger lead at once.
DELETE FROM leases WHERE name = 'trigger' AND token = %(token)s::uuid;

-- read_leader --
-- Say who leads, or led last, and how many seconds its lease still lasts.
SELECT holder,
    extract(epoch FROM expires_at - coalesce(%(now)s::timestamptz, clock_timestamp()))::float8 AS lasts_s
FROM leases
WHERE name = 'trigger';

-- read_time --
-- Read the time that all slots are counted by.
SELECT extract(epoch FROM coalesce(%(now)s::timestamptz, clock_timestamp()))::float8;

-- list_timetables --
-- Read when each account that is not paused was synced and shall be.
SELECT name AS account,
    coalesce(sync_interval_minutes * 60, %(interval_s)s)::float8 AS interval_s,
    extract(epoch FROM sync_started_at)::float8 AS started_at,
    extract(epoch FROM last_success_at)::float8 AS success_at,
    extract(epoch FROM awake_since)::float8 AS awake_since,
    sync_failures AS failures
FROM accounts
WHERE mode <> 'paused' AND NOT (SELECT paused FROM global_pause)
ORDER BY name;

-- note_sync_start --
-- Note that the trigger starts a sync; no row unless this trigger leads and the account may be synced.
UPDATE accounts SET sync_started_at = coalesce(%(now)s::timestamptz, clock_timestamp())
FROM leases
WHERE accounts.name = %(account)s
    AND accounts.mode <> 'paused'
    AND leases.name = 'trigger'
    AND leases.token = %(token)s::uuid
    AND leases.expires_at > coalesce(%(now)s::timestamptz, clock_timestamp())
RETURNING accounts.id;

-- note_sync_end --
-- Note how it ended: a stopped one is due at once, one that used up its time did go well so far.
UPDATE accounts
SET sync_started_at = CASE WHEN %(ending)s <> 'stopped' THEN sync_started_at END,
    sync_failures = CASE %(ending)s
        WHEN 'failed' THEN sync_failures + 1
        WHEN 'yielded' THEN 0
        ELSE sync_failures
    END,
    last_success_at = CASE WHEN %(ending)s = 'yielded'
        THEN coalesce(%(now)s::timestamptz, clock_timestamp())
        ELSE last_success_at
    END
WHERE name = %(account)s;

-- set_sync_interval --
-- Set how often the trigger syncs an account; NULL leaves it to the setting.
UPDATE accounts SET sync_interval_minutes = %(minutes)s::integer WHERE name = %(account)s RETURNING id;
