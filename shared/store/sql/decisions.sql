-- lock_fetched --
-- Take fetched mail, newest first, for as long as this transaction lasts; dead claims are left to claim_careful, and
-- mail that waits for parts to fetch-batch.
SELECT emails.id, accounts.name AS account, mailboxes.name AS mailbox, emails.flags, emails.internaldate, emails.size,
    emails.headers, emails.excerpt, emails.attachments, emails.unavailable_parts,
    'not-fetchable' = ANY (emails.defects) AS unreadable
FROM emails
JOIN accounts ON accounts.id = emails.account_id
JOIN mailboxes ON mailboxes.id = emails.mailbox_id
WHERE emails.account_id = %(account_id)s AND emails.status = 'fetched' AND emails.wanted_parts IS NULL
    AND emails.claim_token IS NULL
ORDER BY emails.internaldate DESC, emails.uid DESC
LIMIT %(limit)s
FOR UPDATE OF emails SKIP LOCKED;

-- record_decisions --
-- Record decisions: fetched -> classified, uncertain or failed, or uncertain -> classified, review or failed; with it
-- none -> pending or kept. Mail older than what the account's owner approved is kept, and mail of an older UIDVALIDITY
-- that was not found again (end_remap came before).
-- Kept mail is filed again, kept -> pending, where nothing happened to it since its owner gave it back to the rules.
WITH kind AS MATERIALIZED (
    SELECT status::email_status AS status, category, decided_by, confidence, reason, trace, actions::jsonb AS actions, number
    FROM unnest(
        %(statuses)s::text[], %(categories)s::text[], %(deciders)s::text[], %(confidences)s::double precision[],
        %(reasons)s::text[], %(traces)s::text[], %(actions)s::text[]
    ) WITH ORDINALITY AS row (status, category, decided_by, confidence, reason, trace, actions, number)
), decided AS (
    SELECT mail.id, mail.ms, kind.*, emails.filing AS was_filing,
        CASE
            WHEN kind.actions = '[]' THEN 'nothing to do'
            WHEN emails.filing = 'kept' AND 'reclassify' IS DISTINCT FROM (
                SELECT why FROM email_events
                WHERE email_events.email_id = emails.id
                    AND (what = 'filing' OR (what = 'place' AND why = 'seen at its new place'))
                ORDER BY email_events.id DESC
                LIMIT 1
            ) THEN 'left where its owner wants it'
            WHEN emails.uidvalidity <> mailboxes.uidvalidity AND mailboxes.uid_low = 1
                THEN 'gone when the mailbox was renumbered'
            WHEN emails.internaldate < accounts.file_since THEN 'older than what was approved'
        END AS kept_why
    FROM unnest(%(ids)s::bigint[], %(ms)s::double precision[], %(kinds)s::bigint[]) AS mail (id, ms, number)
    JOIN kind USING (number)
    JOIN emails ON emails.id = mail.id
    JOIN mailboxes ON mailboxes.id = emails.mailbox_id
    JOIN accounts ON accounts.id = emails.account_id
), changed AS (
    UPDATE emails
    SET status = decided.status,
        filing = (
            CASE
                WHEN decided.status <> 'classified' THEN decided.was_filing::text
                WHEN decided.kept_why IS NULL THEN 'pending'
                ELSE 'kept'
            END
        )::email_filing,
        category = decided.category,
        decided_by = decided.decided_by,
        confidence = decided.confidence,
        reason = decided.reason,
        trace = decided.trace,
        actions = decided.actions,
        rule_set_id = %(rule_set_id)s,
        decision_id = %(decision_id)s::uuid,
        processing_time_ms = decided.ms,
        processed_at = CASE WHEN decided.status = 'classified' THEN coalesce(%(now)s::timestamptz, clock_timestamp()) END,
        attempts = 0,
        claim_token = NULL,
        claim_expires_at = NULL
    FROM decided
    WHERE emails.id = decided.id
        AND emails.status = %(was)s::text::email_status
        AND emails.filing = decided.was_filing
        AND emails.filing IN ('none', 'kept')
        AND emails.claim_token IS NOT DISTINCT FROM %(token)s::uuid
    RETURNING emails.id, emails.status, emails.filing, emails.reason, decided.kept_why, decided.was_filing,
        coalesce(emails.decided_by, %(by)s) AS by
), logged AS (
    INSERT INTO email_events (email_id, run_id, what, was, became, why, by, at)
    SELECT id, %(run)s::uuid, 'status', %(was)s::text, status::text, reason, by,
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM changed
    UNION ALL
    SELECT id, %(run)s::uuid, 'filing', was_filing::text, filing::text,
        coalesce(kept_why, 'actions decided'), by,
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM changed
    WHERE filing <> was_filing
)
SELECT status::text AS status, count(*) AS mails FROM changed GROUP BY status;

-- give_back_outdated --
-- What waits to be filed and was decided by older rules, or by rules more than a day ago, goes back to the rules by way of
-- kept (ADR 13): classified -> fetched, pending -> kept. Not what a person decided, nor what was begun or tried before.
WITH mine AS (
    SELECT id FROM emails
    WHERE account_id = %(account_id)s
        AND filing = 'pending'
        AND status = 'classified'
        AND decided_by <> 'person'
        AND attempts = 0
        AND claim_token IS NULL
        AND (
            rule_set_id <> %(rule_set_id)s
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
        AND (SELECT mode FROM accounts WHERE id = %(account_id)s) = 'apply'
    FOR UPDATE SKIP LOCKED
), changed AS (
    UPDATE emails SET status = 'fetched', filing = 'kept', unavailable_parts = '{}', next_attempt_at = NULL
    FROM mine
    WHERE emails.id = mine.id
    RETURNING emails.id, emails.decision_id
), dropped AS (
    UPDATE actions
    SET state = 'abandoned', error = 'decided anew', changed_at = coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM changed
    WHERE actions.email_id = changed.id AND actions.decision_id = changed.decision_id
), logged AS (
    INSERT INTO email_events (email_id, run_id, what, was, became, why, by, at)
    SELECT changed.id, %(run)s::uuid, event.what, event.was, event.became, event.why, 'classify-rules',
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM changed
    CROSS JOIN LATERAL (
        VALUES
            (1, 'status', 'classified', 'fetched', 'older than the rules, or than a day'),
            (2, 'filing', 'pending', 'kept', 'reclassify')
    ) AS event (nth, what, was, became, why)
    ORDER BY changed.id, event.nth
)
SELECT count(*) FROM changed;

-- fail_poison --
-- Mail whose claims died too often cannot be handled: fetched -> failed.
WITH changed AS (
    UPDATE emails
    SET status = 'failed',
        decided_by = 'error',
        reason = 'attempts used up: each worker that took it died',
        processing_time_ms = 0,
        claim_token = NULL,
        claim_expires_at = NULL
    WHERE account_id = %(account_id)s
        AND status = 'fetched'
        AND claim_expires_at < coalesce(%(now)s::timestamptz, clock_timestamp())
        AND attempts >= %(max_attempts)s
    RETURNING id, reason
)
INSERT INTO email_events (email_id, what, was, became, why, by, at)
SELECT id, 'status', 'fetched', 'failed', reason, 'error', coalesce(%(now)s::timestamptz, clock_timestamp()) FROM changed;

-- claim_dead --
-- Take one mail of a dead claim, alone, so that it takes no neighbour down.
UPDATE emails
SET claim_token = %(token)s::uuid,
    claim_expires_at = coalesce(%(now)s::timestamptz, clock_timestamp()) + make_interval(secs => %(seconds)s),
    attempts = attempts + 1
WHERE id = (
    SELECT id FROM emails
    WHERE account_id = %(account_id)s
        AND status = 'fetched'
        AND claim_expires_at < coalesce(%(now)s::timestamptz, clock_timestamp())
    ORDER BY attempts, claim_expires_at, id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING id;

-- claim_fresh --
-- Claim fetched mail that nobody has claimed, newest first.
WITH free AS (
    SELECT id FROM emails
    WHERE account_id = %(account_id)s AND status = 'fetched' AND wanted_parts IS NULL AND claim_token IS NULL
    ORDER BY internaldate DESC, uid DESC
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE emails
SET claim_token = %(token)s::uuid,
    claim_expires_at = coalesce(%(now)s::timestamptz, clock_timestamp()) + make_interval(secs => %(seconds)s),
    attempts = attempts + 1
FROM free
WHERE emails.id = free.id
RETURNING emails.id;

-- read_claimed --
-- Read the mails of a claim, newest first.
SELECT emails.id, accounts.name AS account, mailboxes.name AS mailbox, emails.flags, emails.internaldate, emails.size,
    emails.headers, emails.excerpt, emails.attachments, emails.unavailable_parts,
    'not-fetchable' = ANY (emails.defects) AS unreadable
FROM emails
JOIN accounts ON accounts.id = emails.account_id
JOIN mailboxes ON mailboxes.id = emails.mailbox_id
WHERE emails.claim_token = %(token)s::uuid AND emails.status = 'fetched'
ORDER BY emails.internaldate DESC, emails.uid DESC;
