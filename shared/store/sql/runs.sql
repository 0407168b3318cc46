-- open_run --
-- Note a run when its first call arrives.
INSERT INTO runs (id, account_id, mode, dry_run, started_at)
SELECT %(run)s::uuid, accounts.id, accounts.mode, %(dry_run)s, coalesce(%(now)s::timestamptz, clock_timestamp())
FROM accounts
WHERE accounts.id = %(account_id)s
ON CONFLICT (id) DO NOTHING;

-- read_run --
-- Read a run and how many mails it moved so far.
SELECT runs.*, (
    SELECT count(*) FROM actions
    WHERE actions.run_id = runs.id
        AND actions.kind = 'move'
        AND actions.undoes IS NULL
        AND actions.state IN ('done', 'done_source_left')
) AS moved
FROM runs
WHERE runs.id = %(run)s::uuid;

-- last_run --
-- Name the latest run of an account.
SELECT id FROM runs WHERE account_id = %(account_id)s ORDER BY started_at DESC LIMIT 1;

-- last_filing_run --
-- Name the latest run, of any account, that filed mail, and its account.
SELECT runs.id, accounts.name
FROM runs JOIN accounts ON accounts.id = runs.account_id
WHERE EXISTS (
    SELECT FROM email_events
    WHERE email_events.run_id = runs.id AND what = 'filing' AND became = 'applied'
)
ORDER BY runs.started_at DESC
LIMIT 1;

-- release_sync --
-- Give a run's sync lease back.
DELETE FROM leases WHERE token = %(run)s::uuid;

-- close_run --
-- Finish a run, write down what it did unless that was done before, and give its sync lease back.
WITH lease AS (
    DELETE FROM leases WHERE token = %(run)s::uuid
)
UPDATE runs
SET outcome = coalesce(outcome, %(outcome)s),
    counts = coalesce(counts, %(counts)s),
    finished_at = coalesce(finished_at, %(now)s::timestamptz, clock_timestamp())
WHERE id = %(run)s::uuid
RETURNING id;

-- count_run --
-- Count the events of a run by state machine and state; `passed_on`: of those, how many left `uncertain`.
SELECT what, became, count(*) AS mails, count(*) FILTER (WHERE what = 'status' AND was = 'uncertain') AS passed_on
FROM email_events
WHERE run_id = %(run)s::uuid AND was IS DISTINCT FROM became
GROUP BY what, became;

-- count_run_passed_on --
-- Count the mails that became uncertain in a run and were decided in the same run.
SELECT count(DISTINCT later.email_id)
FROM email_events AS later
JOIN email_events AS earlier
    ON earlier.email_id = later.email_id AND earlier.run_id = later.run_id AND earlier.id < later.id
WHERE later.run_id = %(run)s::uuid
    AND later.what = 'status'
    AND later.was = 'uncertain'
    AND earlier.what = 'status'
    AND earlier.became = 'uncertain';

-- count_run_deciders --
-- Count who decided the mails that a run classified.
SELECT by AS name, count(*) AS mails
FROM email_events
WHERE run_id = %(run)s::uuid AND what = 'status' AND became = 'classified'
GROUP BY by
ORDER BY mails DESC, name;

-- count_run_targets --
-- Count the moves of a run by target mailbox.
SELECT coalesce(target_mailbox, target) AS name, count(*) AS mails
FROM actions
WHERE run_id = %(run)s::uuid AND kind = 'move' AND undoes IS NULL AND state IN ('done', 'done_source_left')
GROUP BY 1
ORDER BY mails DESC, name;

-- lock_run --
-- Name an open run of this account, ours until this transaction ends.
SELECT id FROM runs WHERE id = %(run)s::uuid AND account_id = %(account_id)s FOR UPDATE;

-- approve_run --
-- Let a run move as many mails as its owner released, and no more, past the anomaly stop.
UPDATE runs SET approved_moves = approved_moves + %(released)s WHERE id = %(run)s::uuid;

-- confirm_held --
-- What a run held becomes pending: held -> pending.
WITH changed AS (
    UPDATE emails SET filing = 'pending', held_run = NULL
    WHERE account_id = %(account_id)s AND filing = 'held' AND held_run = %(held_run)s
    RETURNING id
), logged AS (
    INSERT INTO email_events (email_id, run_id, what, was, became, why, by, at)
    SELECT id, %(run)s::uuid, 'filing', 'held', 'pending', 'confirmed by the owner', 'person',
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM changed
)
SELECT count(*) FROM changed;
