-- free_dead_claims --
-- Uncertain mail whose claim ran out is in nobody's hands: its worker died. The attempt stays counted.
UPDATE emails SET claim_token = NULL, claim_expires_at = NULL
WHERE account_id = %(account_id)s
    AND claim_token IS NOT NULL
    AND status = 'uncertain'
    AND claim_expires_at < coalesce(%(now)s::timestamptz, clock_timestamp());

-- review_used_up --
-- Mail about which the model was asked as often as is allowed, in vain, waits for a person: uncertain -> review.
WITH changed AS (
    UPDATE emails
    SET status = 'review', decided_by = 'llm', reason = %(why)s, attempts = 0, next_attempt_at = NULL
    WHERE account_id = %(account_id)s
        AND status = 'uncertain'
        AND wanted_parts IS NULL
        AND claim_token IS NULL
        AND attempts >= %(max_attempts)s
    RETURNING id, reason
), logged AS (
    INSERT INTO email_events (email_id, run_id, what, was, became, why, by, at)
    SELECT id, %(run)s::uuid, 'status', 'uncertain', 'review', reason, 'llm',
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM changed
)
SELECT count(*) FROM changed;

-- look_uncertain --
-- Read uncertain mail that can be asked about now, newest first; nobody's hands are laid on it.
SELECT emails.id, accounts.name AS account, mailboxes.name AS mailbox, emails.flags, emails.internaldate, emails.size,
    emails.headers, emails.excerpt, emails.attachments, emails.unavailable_parts,
    'not-fetchable' = ANY (emails.defects) AS unreadable
FROM emails
JOIN accounts ON accounts.id = emails.account_id
JOIN mailboxes ON mailboxes.id = emails.mailbox_id
WHERE emails.account_id = %(account_id)s
    AND emails.status = 'uncertain'
    AND emails.wanted_parts IS NULL
    AND emails.claim_token IS NULL
    AND (emails.next_attempt_at IS NULL OR emails.next_attempt_at <= coalesce(%(now)s::timestamptz, clock_timestamp()))
ORDER BY emails.internaldate DESC, emails.uid DESC
LIMIT %(limit)s;

-- claim_uncertain --
-- Claim one uncertain mail until the end of our lease, while that is ours, and count an attempt.
WITH mine AS (
    SELECT emails.id, leases.expires_at
    FROM emails
    JOIN leases ON leases.token = %(token)s::uuid
    WHERE emails.id = %(id)s
        AND emails.status = 'uncertain'
        AND emails.wanted_parts IS NULL
        AND emails.claim_token IS NULL
        AND leases.expires_at > coalesce(%(now)s::timestamptz, clock_timestamp())
    FOR UPDATE OF emails SKIP LOCKED
)
UPDATE emails SET claim_token = %(token)s::uuid, claim_expires_at = mine.expires_at, attempts = attempts + 1
FROM mine, accounts, mailboxes
WHERE emails.id = mine.id AND accounts.id = emails.account_id AND mailboxes.id = emails.mailbox_id
RETURNING emails.id, accounts.name AS account, mailboxes.name AS mailbox, emails.flags, emails.internaldate,
    emails.size, emails.headers, emails.excerpt, emails.attachments, emails.unavailable_parts,
    'not-fetchable' = ANY (emails.defects) AS unreadable;

-- release_uncertain --
-- End our claim without an answer; the mail may be claimed again after a while. `counted`: the attempt was the mail's, and
-- it waits four times as long each time; else it is given back.
UPDATE emails
SET claim_token = NULL,
    claim_expires_at = NULL,
    attempts = attempts - CASE WHEN %(counted)s THEN 0 ELSE 1 END,
    next_attempt_at = coalesce(%(now)s::timestamptz, clock_timestamp()) + make_interval(
        secs => %(seconds)s * CASE WHEN %(counted)s THEN power(4, attempts - 1) * (0.75 + random() / 2) ELSE 1 END
    )
WHERE id = %(id)s AND status = 'uncertain' AND claim_token = %(token)s::uuid
RETURNING id;
