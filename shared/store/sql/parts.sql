-- note_wishes --
-- Note the parts that decisions hang on: the mail stays fetched, or uncertain, and waits. Each part is wished once; what was fetched or
-- cannot be had is not wished again, and a mail of which nothing is left to wish is decided as it is.
WITH kind AS (
    SELECT parts::text[] AS parts, number FROM unnest(%(parts)s::text[]) WITH ORDINALITY AS row (parts, number)
), wish AS (
    SELECT emails.id, ARRAY(
        SELECT part FROM unnest(kind.parts) AS part
        WHERE part <> ALL (emails.fetched_parts) AND part <> ALL (emails.unavailable_parts)
        ORDER BY part COLLATE "C"
    ) AS parts
    FROM unnest(%(ids)s::bigint[], %(kinds)s::bigint[]) AS mail (id, number)
    JOIN kind USING (number)
    JOIN emails ON emails.id = mail.id
)
UPDATE emails
SET wanted_parts = wish.parts, attempts = 0, next_attempt_at = NULL, claim_token = NULL, claim_expires_at = NULL
FROM wish
WHERE emails.id = wish.id
    AND cardinality(wish.parts) > 0
    AND emails.status IN ('fetched', 'uncertain')
    AND emails.claim_token IS NOT DISTINCT FROM %(token)s::uuid
RETURNING emails.id;

-- give_up_wishes --
-- What was tried too often, or has no place to fetch it from, is unavailable.
WITH hopeless AS (
    SELECT id, wanted_parts AS parts,
        CASE WHEN uid IS NULL THEN 'its place is not known' ELSE 'attempts used up' END AS why
    FROM emails
    WHERE account_id = %(account_id)s
        AND wanted_parts IS NOT NULL
        AND (uid IS NULL OR attempts >= %(max_attempts)s)
    FOR UPDATE
), closed AS (
    UPDATE emails
    SET unavailable_parts = unavailable_parts || hopeless.parts,
        wanted_parts = NULL,
        attempts = 0,
        next_attempt_at = NULL
    FROM hopeless
    WHERE emails.id = hopeless.id
    RETURNING emails.id, hopeless.parts, hopeless.why
), logged AS (
    INSERT INTO email_events (email_id, run_id, what, was, became, why, by, at)
    SELECT id, %(run)s::uuid, 'parts', array_to_string(parts, ' '), 'unavailable', why, 'fetch-batch',
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM closed
)
SELECT count(*) FROM closed;

-- postpone_wishes --
-- A mailbox cannot be opened: it counts as an attempt of all that is wished there.
UPDATE emails
SET attempts = attempts + 1,
    next_attempt_at = coalesce(%(now)s::timestamptz, clock_timestamp())
        + make_interval(secs => %(backoff_s)s * power(4, attempts))
WHERE account_id = %(account_id)s
    AND mailbox_id = %(mailbox_id)s
    AND uidvalidity = %(uidvalidity)s
    AND wanted_parts IS NOT NULL
    AND (next_attempt_at IS NULL OR next_attempt_at <= coalesce(%(now)s::timestamptz, clock_timestamp()));

-- refuse_wishes --
-- A mailbox that was renumbered gives nothing: what was wished of its mails is unavailable.
WITH hopeless AS (
    SELECT id, wanted_parts AS parts
    FROM emails
    WHERE account_id = %(account_id)s
        AND mailbox_id = %(mailbox_id)s
        AND uidvalidity = %(uidvalidity)s
        AND wanted_parts IS NOT NULL
    FOR UPDATE
), closed AS (
    UPDATE emails
    SET unavailable_parts = unavailable_parts || hopeless.parts,
        wanted_parts = NULL,
        attempts = 0,
        next_attempt_at = NULL
    FROM hopeless
    WHERE emails.id = hopeless.id
    RETURNING emails.id, hopeless.parts
), logged AS (
    INSERT INTO email_events (email_id, run_id, what, was, became, why, by, at)
    SELECT id, %(run)s::uuid, 'parts', array_to_string(parts, ' '), 'unavailable', %(why)s, 'fetch-batch',
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM closed
)
SELECT count(*) FROM closed;

-- wished_mailboxes --
-- List the mailboxes that have wishes to try now, that of the newest mail first.
SELECT mailboxes.id, mailboxes.name, emails.uidvalidity
FROM emails
JOIN mailboxes ON mailboxes.id = emails.mailbox_id
WHERE emails.account_id = %(account_id)s
    AND emails.wanted_parts IS NOT NULL
    AND (emails.next_attempt_at IS NULL OR emails.next_attempt_at <= coalesce(%(now)s::timestamptz, clock_timestamp()))
GROUP BY mailboxes.id, mailboxes.name, emails.uidvalidity
ORDER BY max(emails.internaldate) DESC, mailboxes.id;

-- take_wishes --
-- Take wishes of a mailbox, newest mail first, and count an attempt: what is not answered is tried again later.
WITH next AS (
    SELECT id FROM emails
    WHERE account_id = %(account_id)s
        AND mailbox_id = %(mailbox_id)s
        AND uidvalidity = %(uidvalidity)s
        AND uid IS NOT NULL
        AND wanted_parts IS NOT NULL
        AND least(attempts, 2) = %(attempts)s
        AND (next_attempt_at IS NULL OR next_attempt_at <= coalesce(%(now)s::timestamptz, clock_timestamp()))
    ORDER BY internaldate DESC, uid DESC
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE emails
SET attempts = attempts + 1,
    next_attempt_at = coalesce(%(now)s::timestamptz, clock_timestamp())
        + make_interval(secs => %(backoff_s)s * power(4, attempts))
FROM next
WHERE emails.id = next.id
RETURNING emails.id, emails.uid, emails.wanted_parts;

-- give_back_wishes --
-- A server asks us to wait, which is no mail's fault: the attempt does not count. All that is wished waits a while, so
-- that what the server gives of other mail goes on meanwhile.
UPDATE emails
SET attempts = attempts - (CASE WHEN id = ANY (%(ids)s::bigint[]) AND attempts > 0 THEN 1 ELSE 0 END),
    next_attempt_at = coalesce(%(now)s::timestamptz, clock_timestamp()) + make_interval(secs => %(backoff_s)s)
WHERE account_id = %(account_id)s
    AND wanted_parts IS NOT NULL
    AND (
        id = ANY (%(ids)s::bigint[])
        OR next_attempt_at IS NULL
        OR next_attempt_at <= coalesce(%(now)s::timestamptz, clock_timestamp())
    );

-- put_parts --
-- Store what came of wishes, and what cannot be had; with it the mail waits no more.
WITH came AS (
    SELECT id, wanted::text[] AS wanted, excerpt, attachments::jsonb AS attachments, headers::jsonb AS headers,
        unavailable::text[] AS unavailable, why
    FROM unnest(
        %(ids)s::bigint[], %(wanted)s::text[], %(excerpts)s::text[], %(attachments)s::text[], %(headers)s::text[],
        %(unavailable)s::text[], %(whys)s::text[]
    ) AS row (id, wanted, excerpt, attachments, headers, unavailable, why)
), changed AS (
    UPDATE emails
    SET excerpt = coalesce(came.excerpt, emails.excerpt),
        excerpt_at = CASE
            WHEN came.excerpt IS NULL THEN emails.excerpt_at
            ELSE coalesce(%(now)s::timestamptz, clock_timestamp())
        END,
        attachments = coalesce(came.attachments, emails.attachments),
        headers = (emails.headers::jsonb || came.headers)::json,
        fetched_parts = emails.fetched_parts
            || ARRAY(SELECT part FROM unnest(came.wanted) AS part WHERE part <> ALL (came.unavailable)),
        unavailable_parts = emails.unavailable_parts || came.unavailable,
        wanted_parts = NULL,
        attempts = 0,
        next_attempt_at = NULL
    FROM came
    WHERE emails.id = came.id
        AND emails.status IN ('fetched', 'uncertain')
        AND emails.wanted_parts @> came.wanted
        AND emails.wanted_parts <@ came.wanted
    RETURNING emails.id, came.unavailable, came.why
), logged AS (
    INSERT INTO email_events (email_id, run_id, what, was, became, why, by, at)
    SELECT id, %(run)s::uuid, 'parts', array_to_string(unavailable, ' '), 'unavailable', why, 'fetch-batch',
        coalesce(%(now)s::timestamptz, clock_timestamp())
    FROM changed
    WHERE cardinality(unavailable) > 0
)
SELECT count(*) FROM changed;

-- erase_excerpts --
-- Forget what mails say once they are decided, or when it was fetched long ago; it can be fetched again.
UPDATE emails SET excerpt = NULL, excerpt_at = NULL, fetched_parts = array_remove(fetched_parts, 'text')
WHERE excerpt IS NOT NULL
    AND id IN (
        SELECT id FROM emails
        WHERE account_id = %(account_id)s AND excerpt IS NOT NULL AND status IN ('classified', 'failed')
        UNION ALL
        SELECT id FROM emails
        WHERE account_id = %(account_id)s
            AND excerpt IS NOT NULL
            AND excerpt_at < coalesce(%(now)s::timestamptz, clock_timestamp()) - make_interval(days => %(days)s)
    );
