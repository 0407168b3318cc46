-- open_checkpoint --
-- Read how far a mailbox was read; the mailbox is noted on first sight.
WITH made AS (
    INSERT INTO mailboxes (account_id, name) VALUES (%(account_id)s, %(mailbox)s)
    ON CONFLICT (account_id, name) DO NOTHING
    RETURNING id, name, uidvalidity, uid_low, uid_high, window_since
)
SELECT * FROM made
UNION ALL
SELECT id, name, uidvalidity, uid_low, uid_high, window_since
FROM mailboxes
WHERE account_id = %(account_id)s AND name = %(mailbox)s
LIMIT 1;

-- widen_window --
-- Open the next window of a mailbox: the latest that begins before the present one, or no bound where there is none.
UPDATE mailboxes
SET window_since = (
    SELECT max(coalesce(%(now)s::timestamptz, clock_timestamp()) - make_interval(days => days))
    FROM unnest(%(days)s::integer[]) AS days
    WHERE coalesce(%(now)s::timestamptz, clock_timestamp()) - make_interval(days => days)
        < coalesce(mailboxes.window_since, 'infinity')
)
WHERE id = %(mailbox_id)s
RETURNING window_since;

-- save_checkpoint --
-- Write down how far a mailbox is read; with `continues` only if it was read exactly so far before.
UPDATE mailboxes
SET uidvalidity = %(uidvalidity)s, uid_low = %(uid_low)s, uid_high = %(uid_high)s
WHERE id = %(mailbox_id)s
    AND (
        NOT %(continues)s
        OR (uidvalidity, uid_low, uid_high)
            IS NOT DISTINCT FROM (%(was_uidvalidity)s::bigint, %(was_uid_low)s::bigint, %(was_uid_high)s::bigint)
    )
RETURNING id;

-- make_stage --
-- Make this connection's table for arriving mail, once.
CREATE TEMPORARY TABLE IF NOT EXISTS stage (
    uid bigint NOT NULL,
    flags text[] NOT NULL,
    internaldate timestamptz NOT NULL,
    size bigint NOT NULL,
    identity_hash uuid NOT NULL,
    message_id text NOT NULL,
    headers json NOT NULL,
    defects text[] NOT NULL
) ON COMMIT DELETE ROWS;

-- fill_stage --
-- Take arriving mail in, in one write.
COPY stage (uid, flags, internaldate, size, identity_hash, message_id, headers, defects) FROM STDIN;

-- find_relatives --
-- Ask whether arriving mail may be known under another place; most chunks stop here.
SELECT
    EXISTS (
        SELECT FROM actions
        WHERE account_id = %(account_id)s AND state IN ('sent', 'copy_sent', 'copied', 'expunge_sent')
    ) AS unsettled,
    EXISTS (
        SELECT FROM actions
        WHERE account_id = %(account_id)s
            AND state = 'done_source_left'
            AND target_mailbox = %(mailbox)s
            AND target_uidvalidity = %(uidvalidity)s
    ) AS copied,
    EXISTS (
        SELECT FROM actions
        WHERE account_id = %(account_id)s
            AND state = 'done_source_left'
            AND target_mailbox = %(mailbox)s
            AND target_uidvalidity < %(uidvalidity)s
    ) OR EXISTS (
        SELECT FROM actions
        WHERE account_id = %(account_id)s
            AND state = 'done_source_left'
            AND target_mailbox = %(mailbox)s
            AND target_uidvalidity > %(uidvalidity)s
    ) AS copies_renumbered,
    EXISTS (
        SELECT FROM emails WHERE mailbox_id = %(mailbox_id)s AND uidvalidity < %(uidvalidity)s
    ) OR EXISTS (
        SELECT FROM emails WHERE mailbox_id = %(mailbox_id)s AND uidvalidity > %(uidvalidity)s
    ) AS renumbered,
    EXISTS (
        SELECT FROM stage CROSS JOIN LATERAL (
            SELECT FROM emails
            WHERE emails.account_id = %(account_id)s
                AND emails.identity_hash = stage.identity_hash
                AND emails.filing IN ('applied', 'kept')
            OFFSET 0 -- keeps it a look-up by index for each mail
        ) AS filed
    ) AS filed;

-- drop_known --
-- Drop arriving mail whose place is known.
WITH known AS (
    DELETE FROM stage USING emails
    WHERE emails.mailbox_id = %(mailbox_id)s
        AND emails.uidvalidity = %(uidvalidity)s
        AND emails.uid = stage.uid
    RETURNING stage.uid
)
SELECT count(*) FROM known;

-- drop_own_copies --
-- Drop arriving mail that our own moves put there: its row follows when the move is settled, or stays with its source.
WITH copies AS (
    SELECT target_uid FROM actions
    WHERE account_id = %(account_id)s
        AND state IN ('sent', 'copy_sent', 'copied', 'expunge_sent')
        AND target_mailbox = %(mailbox)s
        AND target_uidvalidity = %(uidvalidity)s
    UNION ALL
    SELECT copy.target_uid
    FROM stage
    CROSS JOIN LATERAL (
        SELECT target_uid FROM actions
        WHERE account_id = %(account_id)s
            AND state = 'done_source_left'
            AND target_mailbox = %(mailbox)s
            AND target_uidvalidity = %(uidvalidity)s
            AND target_uid = stage.uid
        OFFSET 0 -- keeps it a look-up by index for each mail
    ) AS copy
), ours AS (
    DELETE FROM stage USING copies WHERE stage.uid = copies.target_uid RETURNING stage.uid
)
SELECT count(*) FROM ours;

-- follow_copies --
-- Copies of ours that arrive under another UIDVALIDITY of their mailbox are still ours: the log follows them, one by one.
WITH old AS (
    SELECT actions.id, emails.identity_hash,
        row_number() OVER (PARTITION BY emails.identity_hash ORDER BY actions.target_uid, actions.id) AS nth
    FROM (SELECT DISTINCT identity_hash FROM stage) AS arriving
    CROSS JOIN LATERAL (
        SELECT id, identity_hash FROM emails
        WHERE account_id = %(account_id)s AND identity_hash = arriving.identity_hash
        OFFSET 0 -- keeps it a look-up by index for each mail
    ) AS emails
    JOIN actions ON actions.email_id = emails.id
    WHERE actions.state = 'done_source_left'
        AND actions.target_mailbox = %(mailbox)s
        AND actions.target_uidvalidity <> %(uidvalidity)s
), new AS (
    SELECT uid, identity_hash, row_number() OVER (PARTITION BY identity_hash ORDER BY uid) AS nth FROM stage
), placed AS (
    UPDATE actions SET target_uidvalidity = %(uidvalidity)s, target_uid = new.uid
    FROM old JOIN new USING (identity_hash, nth)
    WHERE actions.id = old.id
    RETURNING actions.target_uid
), dropped AS (
    DELETE FROM stage USING placed WHERE stage.uid = placed.target_uid
)
SELECT count(*) FROM placed;

-- remap --
-- Mail known under another UIDVALIDITY of this mailbox gets its new place, where identity_hash is one-to-one. Twins that
-- are all kept pair up by number: which is which does not matter, and what a person took back is not filed again.
WITH old AS (
    SELECT emails.id, emails.identity_hash,
        row_number() OVER (PARTITION BY emails.identity_hash ORDER BY emails.uid, emails.id) AS nth,
        count(*) OVER (PARTITION BY emails.identity_hash) AS twins,
        bool_and(emails.filing = 'kept') OVER (PARTITION BY emails.identity_hash) AS kept
    FROM (SELECT DISTINCT identity_hash FROM stage) AS arriving
    CROSS JOIN LATERAL (
        SELECT * FROM emails
        WHERE account_id = %(account_id)s AND identity_hash = arriving.identity_hash
        OFFSET 0 -- keeps it a look-up by index for each mail
    ) AS emails
    WHERE emails.mailbox_id = %(mailbox_id)s
        AND emails.uidvalidity <> %(uidvalidity)s
        AND emails.filing <> 'vanished'
), new AS (
    SELECT uid, identity_hash,
        row_number() OVER (PARTITION BY identity_hash ORDER BY uid) AS nth,
        count(*) OVER (PARTITION BY identity_hash) AS twins
    FROM stage
), matched AS (
    SELECT emails.id, emails.uidvalidity || '/' || coalesce(emails.uid::text, '?') AS was, new.uid
    FROM old
    JOIN new USING (identity_hash, nth)
    JOIN emails ON emails.id = old.id
    WHERE old.kept OR (old.twins = 1 AND new.twins = 1)
    FOR UPDATE OF emails
), placed AS (
    UPDATE emails SET uidvalidity = %(uidvalidity)s, uid = stage.uid, flags = stage.flags
    FROM matched JOIN stage USING (uid)
    WHERE emails.id = matched.id
    RETURNING emails.id, matched.was, stage.uid
), logged AS (
    INSERT INTO email_events (email_id, run_id, what, was, became, why, by, at)
    SELECT id, %(run)s::uuid, 'place', was, %(uidvalidity)s::bigint || '/' || uid, 'remapped: the mailbox was renumbered',
        'fetch-batch', coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM placed
), dropped AS (
    DELETE FROM stage USING placed WHERE stage.uid = placed.uid
)
SELECT count(*) FROM placed;

-- recognise --
-- Moved or kept mail that turns up elsewhere gets its new place; where that is the mailbox we moved it out of, its owner
-- moved it back. Mail that we only flagged never left its place: what turns up elsewhere is a copy, and a mail of its own.
-- Twins pair up one by one. Another UID in the same mailbox is a twin and stays staged: it becomes a row of its own.
WITH filed AS (
    SELECT emails.id, emails.identity_hash, emails.filing, emails.mailbox_id, mailboxes.name AS mailbox,
        emails.uidvalidity, emails.uid,
        emails.filing = 'applied' AND emails.mailbox_id <> %(mailbox_id)s AND moved.source_mailbox = %(mailbox)s
            AS returned,
        row_number() OVER (
            PARTITION BY emails.identity_hash
            ORDER BY emails.mailbox_id = %(mailbox_id)s DESC, emails.filing, emails.id
        ) AS nth
    FROM (SELECT DISTINCT identity_hash FROM stage) AS arriving
    CROSS JOIN LATERAL (
        SELECT * FROM emails
        WHERE account_id = %(account_id)s AND identity_hash = arriving.identity_hash
        OFFSET 0 -- keeps it a look-up by index for each mail
    ) AS emails
    JOIN mailboxes ON mailboxes.id = emails.mailbox_id
    LEFT JOIN LATERAL (
        SELECT actions.source_mailbox FROM actions
        WHERE actions.email_id = emails.id
            AND actions.kind = 'move'
            AND actions.undoes IS NULL
            AND actions.state IN ('done', 'done_source_left')
        ORDER BY actions.id DESC
        LIMIT 1
    ) AS moved ON true
    WHERE emails.filing IN ('applied', 'kept')
        AND (emails.claim_token IS NULL OR emails.status = 'uncertain') -- whoever asks about it does not move it
        AND (
            emails.uid IS NULL
            OR (
                emails.mailbox_id <> %(mailbox_id)s
                AND (emails.filing = 'kept' OR moved.source_mailbox IS NOT NULL)
            )
        )
), arrived AS (
    SELECT uid, flags, identity_hash, row_number() OVER (PARTITION BY identity_hash ORDER BY uid) AS nth FROM stage
), matched AS (
    SELECT filed.*, arrived.uid AS new_uid, arrived.flags
    FROM filed
    JOIN arrived USING (identity_hash, nth)
), placed AS (
    UPDATE emails
    SET mailbox_id = %(mailbox_id)s,
        uidvalidity = %(uidvalidity)s,
        uid = matched.new_uid,
        flags = matched.flags,
        filing = CASE WHEN matched.returned THEN 'kept'::email_filing ELSE emails.filing END
    FROM matched
    WHERE emails.id = matched.id
        AND emails.filing = matched.filing
        AND (emails.claim_token IS NULL OR emails.status = 'uncertain')
    RETURNING matched.*
), logged AS (
    INSERT INTO email_events (email_id, run_id, what, was, became, why, by, at)
    SELECT id, %(run)s::uuid, event.what, event.was, event.became, event.why, event.by,
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM placed
    CROSS JOIN LATERAL (
        VALUES
            ('place', mailbox || ' ' || uidvalidity || '/' || coalesce(uid::text, '?'),
                %(mailbox)s || ' ' || %(uidvalidity)s::bigint || '/' || new_uid, 'seen at its new place', 'fetch-batch'),
            ('filing', 'applied', 'kept', 'moved back', 'person')
    ) AS event (what, was, became, why, by)
    WHERE event.what = 'place' OR returned
), corrected AS (
    INSERT INTO corrections (
        account_id, email_id, what, was_mailbox, was_uidvalidity, was_uid,
        became_mailbox, became_uidvalidity, became_uid, at
    )
    SELECT %(account_id)s, id, 'moved back', mailbox, uidvalidity, uid, %(mailbox)s, %(uidvalidity)s, new_uid,
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM placed
    WHERE returned
), dropped AS (
    DELETE FROM stage USING placed WHERE stage.uid = placed.new_uid
)
SELECT count(*) FILTER (WHERE returned) AS returned, count(*) FILTER (WHERE NOT returned) AS known FROM placed;

-- add_staged --
-- Store what is new: (nothing) -> fetched.
WITH added AS (
    INSERT INTO emails (
        account_id, mailbox_id, uidvalidity, uid, identity_hash, message_id, internaldate, size, flags, headers, defects,
        fetched_at
    )
    SELECT %(account_id)s, %(mailbox_id)s, %(uidvalidity)s, uid, identity_hash, message_id, internaldate, size, flags,
        headers, defects, coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM stage
    ON CONFLICT (mailbox_id, uidvalidity, uid) DO NOTHING
    RETURNING id, fetched_at
), logged AS (
    INSERT INTO email_events (email_id, run_id, what, became, why, by, at)
    SELECT id, %(run)s::uuid, 'status', 'fetched', 'new mail', 'fetch-batch', fetched_at FROM added
)
SELECT count(*) FROM added;

-- end_remap --
-- Mail still waiting under an older UIDVALIDITY is gone: pending -> vanished, held -> pending -> vanished.
WITH gone AS (
    SELECT id, filing FROM emails
    WHERE mailbox_id = %(mailbox_id)s AND uidvalidity <> %(uidvalidity)s AND filing IN ('pending', 'held')
    FOR UPDATE
), changed AS (
    UPDATE emails SET filing = 'vanished', held_run = NULL
    FROM gone
    WHERE emails.id = gone.id AND emails.filing = gone.filing
    RETURNING emails.id, gone.filing AS was
), logged AS (
    INSERT INTO email_events (email_id, what, was, became, why, by, at)
    SELECT id, 'filing', event.was, event.became, 'gone when the mailbox was renumbered', 'fetch-batch',
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM changed
    CROSS JOIN LATERAL (VALUES (1, 'held', 'pending'), (2, 'pending', 'vanished')) AS event (nth, was, became)
    WHERE event.was = 'pending' OR changed.was = 'held'
    ORDER BY id, event.nth
)
SELECT count(*) FROM changed;

-- known_uids --
-- List the UIDs of a mailbox, from one on, that are the place of a known mail, or a copy that we made and recorded.
SELECT emails.uid
FROM emails
JOIN mailboxes ON mailboxes.id = emails.mailbox_id
WHERE mailboxes.account_id = %(account_id)s
    AND mailboxes.name = %(mailbox)s
    AND emails.uidvalidity = %(uidvalidity)s
    AND emails.uid >= %(low)s
UNION ALL
SELECT target_uid FROM actions
WHERE account_id = %(account_id)s
    AND state = 'done_source_left'
    AND target_mailbox = %(mailbox)s
    AND target_uidvalidity = %(uidvalidity)s
    AND target_uid >= %(low)s;

-- count_waiting --
-- Count what each function has to do for an account.
SELECT
    (
        SELECT count(*) FROM emails
        WHERE account_id = %(account_id)s AND status = 'fetched' AND wanted_parts IS NULL
    ) + CASE WHEN (SELECT mode FROM accounts WHERE id = %(account_id)s) = 'apply' THEN (
        SELECT count(*) FROM emails
        WHERE account_id = %(account_id)s
            AND filing = 'pending'
            AND status = 'classified'
            AND decided_by <> 'person'
            AND attempts = 0
            AND claim_token IS NULL
            AND (
                rule_set_id <> (SELECT id FROM rule_sets WHERE active)
                OR (
                    decided_by <> 'llm'
                    AND processed_at < coalesce(%(now)s::timestamptz, clock_timestamp()) - INTERVAL '1 day'
                )
            )
            AND NOT EXISTS (
                SELECT FROM actions
                WHERE actions.email_id = emails.id
                    AND actions.decision_id = emails.decision_id
                    AND actions.state <> 'planned'
            )
    ) ELSE 0 END AS to_classify,
    (
        SELECT count(*) FROM emails
        WHERE account_id = %(account_id)s
            AND wanted_parts IS NOT NULL
            AND (next_attempt_at IS NULL OR next_attempt_at <= coalesce(%(now)s::timestamptz, clock_timestamp()))
    ) AS wanted,
    uncertain.mails AS uncertain,
    uncertain.due AS to_ask,
    CASE WHEN (SELECT mode FROM accounts WHERE id = %(account_id)s) = 'apply' THEN (
        SELECT count(*) FROM emails
        WHERE account_id = %(account_id)s
            AND filing = 'pending'
            AND (next_attempt_at IS NULL OR next_attempt_at <= coalesce(%(now)s::timestamptz, clock_timestamp()))
    ) + (
        SELECT count(*) FROM emails
        WHERE account_id = %(account_id)s AND claim_token IS NOT NULL AND filing IN ('applying', 'applied')
    ) + (
        SELECT count(DISTINCT emails.id)
        FROM emails
        JOIN actions ON actions.email_id = emails.id
        WHERE emails.account_id = %(account_id)s
            AND emails.filing = 'applied'
            AND actions.undoes IS NOT NULL
            AND actions.state NOT IN ('done', 'done_source_left', 'refused', 'abandoned')
    ) ELSE 0 END AS to_apply
FROM (
    SELECT count(*) AS mails, count(*) FILTER (
        WHERE wanted_parts IS NULL
            AND claim_token IS NULL
            AND (next_attempt_at IS NULL OR next_attempt_at <= coalesce(%(now)s::timestamptz, clock_timestamp()))
    ) AS due
    FROM emails
    WHERE account_id = %(account_id)s AND status = 'uncertain'
) AS uncertain;
