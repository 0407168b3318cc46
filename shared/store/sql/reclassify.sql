-- lock_mails --
-- Take mails, ours until this transaction ends. What is asked of their actions comes in a statement after this one: one
-- that waits for a lock goes on to see the other tables as they were before it waited.
SELECT id FROM emails WHERE id = ANY (%(ids)s::bigint[]) ORDER BY id FOR UPDATE;

-- send_back --
-- Give mail back to the rules: classified, review, uncertain or failed -> fetched. What waited, was held, filed or given
-- up becomes kept, each by the edges that lead there; a kept mail gets an event too: it says that it may be filed again.
-- Mail that changed since its owner was asked stays as it is, as does mail half way between COPY and EXPUNGE, and mail that
-- was copied and left in its place, or copied further: it would be copied once more.
WITH asked AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(filings)s::text[]) AS row (id, filing)
), mine AS (
    SELECT emails.id, emails.status, emails.filing, emails.decision_id
    FROM emails
    JOIN asked USING (id)
    WHERE emails.filing = asked.filing::email_filing
        AND emails.filing IN ('none', 'pending', 'held', 'applied', 'kept', 'failed')
        AND emails.status IN ('classified', 'review', 'uncertain', 'failed')
        AND emails.claim_token IS NULL
        AND NOT EXISTS (
            SELECT FROM actions
            WHERE actions.email_id = emails.id
                AND actions.state IN ('sent', 'copy_sent', 'copied', 'expunge_sent', 'done_source_left')
        )
), changed AS (
    UPDATE emails
    SET status = 'fetched',
        filing = CASE WHEN mine.filing = 'none' THEN mine.filing ELSE 'kept' END,
        held_run = NULL,
        unavailable_parts = '{}', -- asked for anew
        attempts = 0,
        next_attempt_at = NULL
    FROM mine
    WHERE emails.id = mine.id AND emails.status = mine.status AND emails.filing = mine.filing
    RETURNING emails.id, mine.status, mine.filing, mine.decision_id
), dropped AS (
    UPDATE actions
    SET state = 'abandoned', error = 'reclassify', changed_at = coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM changed
    WHERE actions.email_id = changed.id
        AND actions.decision_id = changed.decision_id
        AND actions.state = 'planned'
        AND actions.undoes IS NULL
), logged AS (
    INSERT INTO email_events (email_id, what, was, became, why, by, at)
    SELECT changed.id, event.what, event.was, event.became, 'reclassify', 'person',
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM changed
    CROSS JOIN LATERAL (
        VALUES
            (1, 'status', changed.status::text, 'fetched'),
            (2, 'filing', 'held', 'pending'),
            (3, 'filing', CASE WHEN changed.filing = 'held' THEN 'pending' ELSE changed.filing::text END, 'kept')
    ) AS event (nth, what, was, became)
    WHERE (event.nth = 1)
        OR (event.nth = 2 AND changed.filing = 'held')
        OR (event.nth = 3 AND changed.filing <> 'none')
    ORDER BY changed.id, event.nth
)
SELECT count(*) FROM changed;
