-- list_reviews --
-- List mail that waits for a person, stored last first: not decided, not filed, held, or nobody knows where.
SELECT emails.id, accounts.name AS account, mailboxes.name AS mailbox, emails.internaldate, emails.headers,
    emails.status, emails.filing, emails.reason, emails.held_run, emails.message_id,
    (
        SELECT why FROM email_events
        WHERE email_events.email_id = emails.id
        ORDER BY email_events.id DESC
        LIMIT 1
    ) AS last_why
FROM emails
JOIN accounts ON accounts.id = emails.account_id
JOIN mailboxes ON mailboxes.id = emails.mailbox_id
WHERE (
        (emails.status IN ('review', 'uncertain') AND emails.filing <> 'vanished')
        OR (emails.status = 'failed' AND emails.filing NOT IN ('kept', 'vanished'))
        OR emails.filing IN ('unclear', 'failed', 'held')
    )
    AND (%(account)s::text IS NULL OR accounts.name = %(account)s)
    AND (
        %(waits_for)s::text IS NULL
        OR emails.filing::text = %(waits_for)s
        OR (emails.status::text = %(waits_for)s AND emails.filing NOT IN ('unclear', 'failed', 'held'))
    )
ORDER BY emails.id DESC
LIMIT %(limit)s;

-- count_reviews --
-- Count mail that waits for a person by what it waits for: a filing that failed says more than what the mail is.
SELECT
    CASE WHEN emails.filing IN ('unclear', 'failed', 'held') THEN emails.filing::text ELSE emails.status::text END
        AS waits_for,
    count(*) AS mails
FROM emails
JOIN accounts ON accounts.id = emails.account_id
WHERE (
        (emails.status IN ('review', 'uncertain') AND emails.filing <> 'vanished')
        OR (emails.status = 'failed' AND emails.filing NOT IN ('kept', 'vanished'))
        OR emails.filing IN ('unclear', 'failed', 'held')
    )
    AND (%(account)s::text IS NULL OR accounts.name = %(account)s)
GROUP BY 1
ORDER BY mails DESC, waits_for;

-- read_review --
-- Read one mail that a person decides on, locked before; `is_busy`: a worker has it, or it is half way between COPY and
-- EXPUNGE; `is_copied`: it was copied and left in its place.
SELECT emails.id, emails.status, emails.filing, emails.actions, emails.decision_id, emails.uid IS NULL AS is_lost,
    emails.claim_token IS NOT NULL OR EXISTS (
        SELECT FROM actions
        WHERE actions.email_id = emails.id AND actions.state IN ('sent', 'copy_sent', 'copied', 'expunge_sent')
    ) AS is_busy,
    EXISTS (
        SELECT FROM actions WHERE actions.email_id = emails.id AND actions.state = 'done_source_left'
    ) AS is_copied
FROM emails
WHERE emails.id = %(id)s;

-- decide_by_person --
-- A person says what a mail is: review or uncertain -> classified; with it none or kept -> pending or kept.
UPDATE emails
SET status = 'classified',
    filing = %(filing)s::email_filing,
    category = %(category)s,
    decided_by = 'person',
    confidence = NULL,
    reason = %(why)s,
    actions = %(actions)s::jsonb,
    decision_id = gen_random_uuid(),
    processed_at = coalesce(%(now)s::timestamptz, clock_timestamp()),
    attempts = 0,
    next_attempt_at = NULL
WHERE id = %(id)s AND status = %(was)s::email_status AND filing = %(was_filing)s::email_filing AND claim_token IS NULL
RETURNING id;

-- look_again_by_person --
-- A person asks the rules again: review, uncertain or failed -> fetched.
UPDATE emails
SET status = 'fetched', unavailable_parts = '{}', attempts = 0, next_attempt_at = NULL
WHERE id = %(id)s AND status = %(was)s::email_status AND filing = %(was_filing)s::email_filing AND claim_token IS NULL
RETURNING id;

-- file_by_person --
-- A person says what becomes of a decided mail: unclear, failed or kept -> pending, under a decision of its own, so that
-- its actions are planned anew; unclear, failed, held or pending -> kept.
UPDATE emails
SET filing = %(filing)s::email_filing,
    decision_id = CASE
        WHEN %(filing)s = 'pending' OR emails.decision_id IS NULL THEN gen_random_uuid()
        ELSE emails.decision_id
    END,
    held_run = NULL,
    attempts = 0,
    next_attempt_at = NULL
WHERE id = %(id)s AND status = %(was)s::email_status AND filing = %(was_filing)s::email_filing AND claim_token IS NULL
RETURNING id;

-- drop_planned --
-- What was planned under an earlier decision and never sent is not done any more: planned -> abandoned.
UPDATE actions
SET state = 'abandoned', error = 'a person decided', changed_at = coalesce(%(now)s::timestamptz, clock_timestamp())
WHERE email_id = %(id)s AND decision_id = %(decision_id)s::uuid AND state = 'planned' AND undoes IS NULL;

-- note_decision --
-- Write down a step that a person decided.
INSERT INTO email_events (email_id, what, was, became, why, by, at)
VALUES (
    %(id)s, %(what)s, %(was)s, %(became)s, %(why)s, 'person', coalesce(%(now)s::timestamptz, clock_timestamp())
);
