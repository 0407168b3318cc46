-- Bulk statements reach each mail by its id. `IS NOT DISTINCT FROM` is `=` that no index serves: with it the planner
-- cannot prefer a scan of everything claimed or pending, once per mail, where its statistics say that there is none: they
-- were taken on an empty table, or when nothing waited.

-- claim_expiry --
-- Read when our lease ends; no row when it ended or is another's.
SELECT expires_at FROM leases
WHERE name = %(name)s AND token = %(token)s::uuid AND expires_at > coalesce(%(now)s::timestamptz, clock_timestamp());

-- fail_used_up --
-- Mail whose attempts are used up: pending -> applying -> failed. Never between COPY and EXPUNGE: our Deleted may be on
-- the source, and only carrying on takes it off or ends the move.
WITH changed AS (
    UPDATE emails SET filing = 'failed', next_attempt_at = NULL
    WHERE account_id = %(account_id)s
        AND filing = 'pending'
        AND attempts >= %(max_attempts)s
        AND NOT EXISTS (SELECT FROM actions WHERE actions.email_id = emails.id AND actions.state = 'copied')
        AND mailbox_id = (SELECT id FROM mailboxes WHERE account_id = %(account_id)s AND name = %(mailbox)s)
        AND (next_attempt_at IS NULL OR next_attempt_at <= coalesce(%(now)s::timestamptz, clock_timestamp()))
    RETURNING id
)
INSERT INTO email_events (email_id, run_id, what, was, became, why, by, at)
SELECT id, %(run)s::uuid, 'filing', event.was, event.became, 'attempts used up', 'apply-actions',
    coalesce(%(now)s::timestamptz, clock_timestamp())
FROM changed
CROSS JOIN LATERAL (VALUES (1, 'pending', 'applying'), (2, 'applying', 'failed')) AS event (nth, was, became)
ORDER BY id, event.nth;

-- claim_pending --
-- Claim pending mail of one mailbox, oldest row first: pending -> applying, its decided actions planned. Mail that was
-- tried before comes first, in small company, and for its last attempt alone: it takes no neighbour down. Nothing is
-- claimed once the account is no longer in apply, or everything is paused.
WITH most AS MATERIALIZED (
    SELECT max(attempts) AS attempts FROM emails
    WHERE account_id = %(account_id)s
        AND filing = 'pending'
        AND mailbox_id = (SELECT id FROM mailboxes WHERE account_id = %(account_id)s AND name = %(mailbox)s)
        AND (next_attempt_at IS NULL OR next_attempt_at <= coalesce(%(now)s::timestamptz, clock_timestamp()))
        AND (SELECT mode FROM accounts WHERE id = %(account_id)s) = 'apply'
        AND NOT (SELECT paused FROM global_pause)
), free AS (
    SELECT id FROM emails
    WHERE account_id = %(account_id)s
        AND filing = 'pending'
        AND mailbox_id = (SELECT id FROM mailboxes WHERE account_id = %(account_id)s AND name = %(mailbox)s)
        AND (next_attempt_at IS NULL OR next_attempt_at <= coalesce(%(now)s::timestamptz, clock_timestamp()))
        AND attempts = (SELECT attempts FROM most)
    ORDER BY id
    LIMIT (
        SELECT CASE
            WHEN attempts = 0 THEN %(limit)s
            WHEN attempts >= %(max_attempts)s - 1 THEN 1
            ELSE least(%(limit)s, %(careful)s)
        END
        FROM most
    )
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE emails
    SET filing = 'applying',
        claim_token = %(token)s::uuid,
        claim_expires_at = %(expires_at)s,
        attempts = attempts + 1,
        next_attempt_at = NULL
    FROM free
    WHERE emails.id = free.id AND emails.filing IS NOT DISTINCT FROM 'pending'
    RETURNING emails.id, emails.account_id, emails.decision_id, emails.actions
), logged AS (
    INSERT INTO email_events (email_id, run_id, what, was, became, why, by, at)
    SELECT id, %(run)s::uuid, 'filing', 'pending', 'applying', 'claimed', 'apply-actions',
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM claimed
), planned AS (
    INSERT INTO actions (email_id, account_id, run_id, decision_id, position, kind, target, changed_at)
    SELECT claimed.id, claimed.account_id, %(run)s::uuid, claimed.decision_id, decided.position,
        (decided.action ->> 'kind')::action_kind, decided.action ->> 'target',
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM claimed
    CROSS JOIN LATERAL jsonb_array_elements(claimed.actions) WITH ORDINALITY AS decided (action, position)
    ON CONFLICT (email_id, decision_id, kind, target) DO UPDATE
        SET run_id = excluded.run_id
        WHERE actions.state NOT IN ('done', 'done_source_left', 'refused', 'abandoned')
)
SELECT count(*) FROM claimed;

-- read_claimed_emails --
-- Read the mails claimed under a lease, oldest row first; `filing` applied means that an earlier filing is taken back.
-- `settled_uids` are the places in the same mailbox of mails with the same identity that were filed before.
SELECT emails.id, mailboxes.name AS mailbox, emails.uidvalidity, emails.uid, emails.identity_hash, emails.attempts,
    emails.filing, emails.decision_id,
    ARRAY (
        SELECT settled.uid FROM emails AS settled
        WHERE settled.account_id = emails.account_id
            AND settled.identity_hash = emails.identity_hash
            AND (settled.mailbox_id, settled.uidvalidity) IS NOT DISTINCT FROM (emails.mailbox_id, emails.uidvalidity)
            AND settled.uid IS NOT NULL
            AND settled.filing IN ('applied', 'kept')
            AND settled.id <> emails.id
        ORDER BY settled.uid
    ) AS settled_uids
FROM emails
JOIN mailboxes ON mailboxes.id = emails.mailbox_id
WHERE emails.claim_token IS NOT DISTINCT FROM %(token)s::uuid AND emails.id = ANY (%(ids)s)
ORDER BY emails.id;

-- list_claimed --
-- Name the mails claimed under a lease.
SELECT id FROM emails WHERE claim_token = %(token)s::uuid AND filing = 'applying' ORDER BY id;

-- read_actions --
-- Read the actions of mails in their order: flags first, the move last.
SELECT * FROM actions WHERE email_id = ANY (%(ids)s) ORDER BY email_id, kind = 'move', position, id;

-- take_over --
-- Take mail whose worker died under our lease; what was done to it only its actions know.
UPDATE emails SET claim_token = %(token)s::uuid, claim_expires_at = %(expires_at)s
WHERE account_id = %(account_id)s AND claim_token <> %(token)s::uuid AND filing IN ('applying', 'applied')
RETURNING id;

-- advance_actions --
-- Commit steps of the action log on mail claimed under our lease; a step that sends needs the lease alive.
WITH kind AS MATERIALIZED (
    SELECT number, was::action_state AS was, became::action_state AS became, became IN ('sent', 'copy_sent') AS begins,
        became IN ('sent', 'copy_sent', 'expunge_sent') AS sends, source_mailbox, source_uidvalidity,
        string_to_array(source_flags, ' ') AS source_flags, target_mailbox, target_uidvalidity, target_uidnext, error
    FROM unnest(
        %(was)s::text[], %(became)s::text[], %(source_mailboxes)s::text[], %(source_uidvalidities)s::bigint[],
        %(source_flags)s::text[], %(target_mailboxes)s::text[], %(target_uidvalidities)s::bigint[],
        %(target_uidnexts)s::bigint[], %(errors)s::text[]
    ) WITH ORDINALITY AS row (
        was, became, source_mailbox, source_uidvalidity, source_flags, target_mailbox, target_uidvalidity,
        target_uidnext, error, number
    )
), alive AS (
    SELECT EXISTS (
        SELECT FROM leases
        WHERE name = %(lease)s AND token = %(token)s::uuid AND expires_at > coalesce(%(now)s::timestamptz, clock_timestamp())
    ) AS ours
), changed AS (
    UPDATE actions
    SET state = kind.became,
        source_mailbox = coalesce(kind.source_mailbox, actions.source_mailbox),
        source_uidvalidity = coalesce(kind.source_uidvalidity, actions.source_uidvalidity),
        source_uid = coalesce(step.source_uid, actions.source_uid),
        source_flags = coalesce(actions.source_flags, kind.source_flags),
        target_mailbox = coalesce(kind.target_mailbox, actions.target_mailbox),
        target_uidvalidity = coalesce(kind.target_uidvalidity, actions.target_uidvalidity),
        target_uidnext = coalesce(kind.target_uidnext, actions.target_uidnext),
        target_uid = coalesce(step.target_uid, actions.target_uid),
        error = coalesce(kind.error, actions.error),
        sent_at = CASE WHEN kind.begins THEN coalesce(%(now)s::timestamptz, clock_timestamp()) ELSE actions.sent_at END,
        changed_at = coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM unnest(%(ids)s::bigint[], %(kinds)s::bigint[], %(source_uids)s::bigint[], %(target_uids)s::bigint[])
        AS step (id, number, source_uid, target_uid)
    JOIN kind USING (number), emails, alive
    WHERE actions.id = step.id
        AND actions.state = kind.was
        AND emails.id = actions.email_id
        AND emails.claim_token IS NOT DISTINCT FROM %(token)s::uuid
        AND (alive.ours OR NOT kind.sends)
    RETURNING actions.id
)
SELECT count(*) FROM changed;

-- note_mailboxes --
-- Note the target mailboxes of a mail's account on first sight.
INSERT INTO mailboxes (account_id, name)
SELECT emails.account_id, named.mailbox FROM emails CROSS JOIN unnest(%(mailboxes)s::text[]) AS named (mailbox)
WHERE emails.id = %(id)s
ON CONFLICT (account_id, name) DO NOTHING;

-- finish_emails --
-- Record what became of claimed mail and end the claim; only edges of the state machine, given as pairs, are taken.
-- What was done for a mail belongs to the run that records it as applied: after a crash not the run that sent it.
-- Each mail moved uses up one of the moves that the owner of the account approved.
WITH kind AS MATERIALIZED (
    SELECT row.number, row.became::email_filing AS became, row.why, row.by, mailboxes.id AS mailbox_id, row.uidvalidity,
        ARRAY (
            SELECT edge.was::email_filing
            FROM unnest(%(edges_was)s::text[], %(edges_became)s::text[]) AS edge (was, became)
            WHERE edge.became = row.became
        ) AS was
    FROM unnest(
        %(became)s::text[], %(why)s::text[], %(by)s::text[], %(mailboxes)s::text[], %(uidvalidities)s::bigint[]
    ) WITH ORDINALITY AS row (became, why, by, mailbox, uidvalidity, number)
    LEFT JOIN mailboxes ON mailboxes.name = row.mailbox
        AND mailboxes.account_id = (SELECT account_id FROM emails WHERE id = (%(ids)s::bigint[])[1])
), mine AS (
    SELECT emails.id, emails.filing, kind.became, kind.why, kind.by, kind.mailbox_id, kind.uidvalidity,
        (
            SELECT other.id FROM emails AS other -- a taken place is not ours: then it is unknown
            WHERE other.mailbox_id = kind.mailbox_id
                AND other.uidvalidity = kind.uidvalidity
                AND other.uid = outcome.uid
                AND other.id <> outcome.id
            LIMIT 1
        ) IS NULL AS is_free, outcome.uid
    FROM unnest(%(ids)s::bigint[], %(kinds)s::bigint[], %(uids)s::bigint[]) AS outcome (id, number, uid)
    JOIN kind USING (number)
    JOIN emails ON emails.id = outcome.id
    WHERE emails.claim_token IS NOT DISTINCT FROM %(token)s::uuid AND emails.filing = ANY (kind.was)
), changed AS (
    UPDATE emails
    SET filing = mine.became,
        claim_token = NULL,
        claim_expires_at = NULL,
        attempts = CASE
            WHEN mine.became IN ('applied', 'kept') THEN 0
            WHEN mine.by = 'dependency' THEN greatest(emails.attempts - 1, 0)
            ELSE emails.attempts
        END,
        next_attempt_at = CASE
            WHEN mine.became = 'pending' AND mine.by = 'server'
                THEN coalesce(%(now)s::timestamptz, clock_timestamp()) + make_interval(
                    secs => least(%(first_delay_s)s * power(2, emails.attempts), %(longest_delay_s)s) * (0.5 + random())
                )
        END,
        mailbox_id = coalesce(mine.mailbox_id, emails.mailbox_id),
        uidvalidity = coalesce(mine.uidvalidity, emails.uidvalidity),
        uid = CASE WHEN mine.mailbox_id IS NULL THEN emails.uid WHEN mine.is_free THEN mine.uid END
    FROM mine
    WHERE emails.id = mine.id AND emails.filing = mine.filing AND emails.claim_token IS NOT DISTINCT FROM %(token)s::uuid
    RETURNING emails.id, emails.account_id, emails.decision_id, mine.filing AS was, mine.became, mine.why, mine.by
), logged AS (
    INSERT INTO email_events (email_id, run_id, what, was, became, why, by, at)
    SELECT id, %(run)s::uuid, 'filing', was::text, became::text, why, by,
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM changed
), done AS MATERIALIZED (
    SELECT changed.account_id, actions.id, actions.kind, actions.run_id
    FROM changed
    JOIN actions ON actions.email_id = changed.id AND actions.decision_id = changed.decision_id
    WHERE changed.was = 'applying'
        AND changed.became = 'applied'
        AND actions.undoes IS NULL
        AND actions.state IN ('done', 'done_source_left')
), owned AS (
    UPDATE actions SET run_id = %(run)s::uuid
    FROM done
    WHERE actions.id = done.id AND done.run_id IS DISTINCT FROM %(run)s::uuid
), used AS (
    UPDATE accounts SET approved_moves = greatest(accounts.approved_moves - moved.mails, 0)
    FROM (SELECT account_id, count(*) AS mails FROM done WHERE kind = 'move' GROUP BY account_id) AS moved
    WHERE accounts.id = moved.account_id AND accounts.approved_moves > 0
)
SELECT count(*) FROM changed;

-- give_back --
-- A dependency failed: the attempt does not count; claims stay until they expire or are settled.
UPDATE emails SET attempts = greatest(attempts - 1, 0) WHERE claim_token = %(token)s::uuid;

-- plan --
-- List what waits to be done: mailbox, kind, target and number of mails, the mailbox that waits longest first.
SELECT mailboxes.name AS mailbox, decided.action ->> 'kind' AS kind, decided.action ->> 'target' AS target,
    count(*) AS mails
FROM emails
JOIN mailboxes ON mailboxes.id = emails.mailbox_id
CROSS JOIN LATERAL jsonb_array_elements(emails.actions) AS decided (action)
WHERE emails.account_id = %(account_id)s
    AND emails.filing = 'pending'
    AND (emails.next_attempt_at IS NULL OR emails.next_attempt_at <= coalesce(%(now)s::timestamptz, clock_timestamp()))
GROUP BY 1, 2, 3
ORDER BY min(min(emails.id)) OVER (PARTITION BY mailboxes.name), mailbox, kind, target;

-- hold_pending --
-- The anomaly stop: pending -> held for all pending moves of a mailbox.
WITH changed AS (
    UPDATE emails SET filing = 'held', held_run = %(run)s::uuid
    WHERE account_id = %(account_id)s
        AND filing = 'pending'
        AND mailbox_id = (SELECT id FROM mailboxes WHERE account_id = %(account_id)s AND name = %(mailbox)s)
        AND actions @> '[{"kind": "move"}]'
    RETURNING id
), logged AS (
    INSERT INTO email_events (email_id, run_id, what, was, became, why, by, at)
    SELECT id, %(run)s::uuid, 'filing', 'pending', 'held', 'more moves than usual: waits for the owner', 'apply-actions',
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM changed
)
SELECT count(*) FROM changed;

-- count_allowance --
-- Count how many mails the hourly cap of an account still allows.
SELECT greatest(accounts.max_actions_per_hour - (
    SELECT count(DISTINCT email_id) FROM actions
    WHERE account_id = %(account_id)s
        AND sent_at > coalesce(%(now)s::timestamptz, clock_timestamp()) - INTERVAL '1 hour'
), 0)
FROM accounts
WHERE id = %(account_id)s;
