-- take_registry --
-- Let one account be made at a time, so that two makers of the same see each other.
SELECT pg_advisory_xact_lock(hashtext('email-agent accounts'));

-- same_mailbox --
-- Name the account, if there is one, that reads the same user's mail on the same server; IMAP's two ports are one server.
SELECT name FROM accounts
WHERE lower(host) = lower(%(host)s)
    AND lower(username) = lower(%(username)s)
    AND (port = %(port)s OR (port IN (143, 993) AND %(port)s IN (143, 993)))
ORDER BY name
LIMIT 1;

-- create_account --
-- Note an account as its owner configured it.
INSERT INTO accounts (
    name, provider, host, port, tls, username, secret, mode, mailboxes, max_actions_per_hour, plaintext_allowed,
    copy_without_expunge, ca_file
)
VALUES (
    %(name)s, %(provider)s, %(host)s, %(port)s, %(tls)s, %(username)s, %(secret)s, %(mode)s, %(mailboxes)s,
    %(max_actions_per_hour)s, %(plaintext_allowed)s, %(copy_without_expunge)s, %(ca_file)s
)
RETURNING *;

-- read_account --
-- Read one account by name.
SELECT * FROM accounts WHERE name = %(name)s;

-- list_accounts --
-- Read all accounts in the order of their names.
SELECT * FROM accounts ORDER BY name;

-- read_secrets --
-- Read every sealed password.
SELECT id, name, secret FROM accounts ORDER BY id;

-- reseal --
-- Replace sealed passwords where they are still what was read.
UPDATE accounts SET secret = sealed.became, secret_version = secret_version + 1
FROM unnest(%(ids)s::bigint[], %(was)s::bytea[], %(became)s::bytea[]) AS sealed (id, was, became)
WHERE accounts.id = sealed.id AND accounts.secret = sealed.was
RETURNING accounts.id;

-- set_login --
-- Set where and how to log in, after a login that worked.
UPDATE accounts
SET host = %(host)s, port = %(port)s, tls = %(tls)s, username = %(username)s, secret = %(secret)s, ca_file = %(ca_file)s,
    plaintext_allowed = %(plaintext_allowed)s, provider = %(provider)s, secret_version = secret_version + 1,
    last_error = NULL, consecutive_failures = 0, sync_failures = 0
WHERE id = %(account_id)s
RETURNING id;

-- set_mailboxes --
-- Set which mailboxes are read.
UPDATE accounts SET mailboxes = %(mailboxes)s WHERE id = %(account_id)s RETURNING id;

-- set_cap --
-- Set how many mails may be touched within an hour.
UPDATE accounts SET max_actions_per_hour = %(max_actions_per_hour)s WHERE id = %(account_id)s RETURNING id;

-- set_mode --
-- Set what the owner allows, and how many moves, or which mail (by INTERNALDATE, in whole seconds), is approved with it.
UPDATE accounts
SET mode = %(mode)s::account_mode,
    awake_since = CASE WHEN mode = 'paused' AND %(mode)s::account_mode <> 'paused'
        THEN coalesce(%(now)s::timestamptz, clock_timestamp())
        ELSE awake_since
    END,
    approved_moves = %(approved_moves)s,
    file_since = CASE %(approve)s
        WHEN 'new' THEN date_trunc('second', coalesce(%(now)s::timestamptz, clock_timestamp()))
        WHEN 'all' THEN NULL
        ELSE file_since
    END
WHERE id = %(account_id)s
RETURNING id;

-- count_waiting_moves --
-- Count the mails of an account that wait to be moved.
SELECT count(*) FROM emails
WHERE account_id = %(account_id)s AND filing = 'pending' AND actions @> '[{"kind": "move"}]';

-- keep_waiting --
-- Leave what waits where it is: pending -> kept, held -> pending -> kept.
WITH waiting AS (
    SELECT id, filing FROM emails WHERE account_id = %(account_id)s AND filing IN ('pending', 'held') FOR UPDATE
), changed AS (
    UPDATE emails SET filing = 'kept', held_run = NULL, next_attempt_at = NULL
    FROM waiting
    WHERE emails.id = waiting.id AND emails.filing = waiting.filing
    RETURNING emails.id, waiting.filing AS was
)
INSERT INTO email_events (email_id, what, was, became, why, by, at)
SELECT id, 'filing', event.was, event.became, 'only new mail approved', 'person',
    coalesce(%(now)s::timestamptz, clock_timestamp())
FROM changed
CROSS JOIN LATERAL (VALUES (1, 'held', 'pending'), (2, 'pending', 'kept')) AS event (nth, was, became)
WHERE event.was = 'pending' OR changed.was = 'held'
ORDER BY id, event.nth;

-- read_pause --
-- Read the global pause.
SELECT paused FROM global_pause;

-- set_pause --
-- Set the global pause; accounts are awake again from its end on.
WITH woken AS (
    UPDATE accounts SET awake_since = coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM global_pause
    WHERE global_pause.paused AND NOT %(paused)s
)
UPDATE global_pause SET paused = %(paused)s;

-- record_success --
-- Note that a sync of an account went well.
UPDATE accounts
SET last_success_at = coalesce(%(now)s::timestamptz, clock_timestamp()), last_error = NULL, consecutive_failures = 0,
    sync_failures = 0
WHERE id = %(account_id)s;

-- record_failure --
-- Note why a sync of an account failed.
UPDATE accounts
SET last_error = %(error)s, consecutive_failures = consecutive_failures + 1
WHERE id = %(account_id)s;

-- delete_account --
-- Delete an account, its events and, by its foreign keys, all of its mail and actions.
WITH ended AS (
    DELETE FROM leases USING accounts
    WHERE accounts.name = %(name)s
        AND leases.name IN ('sync:' || accounts.id, 'mailbox:' || accounts.id, 'classify:' || accounts.id)
), forgotten AS (
    DELETE FROM email_events USING emails, accounts
    WHERE accounts.name = %(name)s AND emails.account_id = accounts.id AND email_events.email_id = emails.id
)
DELETE FROM accounts WHERE name = %(name)s RETURNING id;

-- count_account_mails --
-- Count the mails of every account by status and filing.
SELECT account_id, status::text AS status, filing::text AS filing, count(*) AS mails
FROM emails
GROUP BY account_id, status, filing;
