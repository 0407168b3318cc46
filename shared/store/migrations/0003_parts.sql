-- Parts on demand: what a decision hangs on is wished, fetched for exactly that mail, and known or unavailable after.

ALTER TABLE emails
    ADD COLUMN wanted_parts text[], -- NULL: none; classify-rules waits for them
    ADD COLUMN unavailable_parts text[] NOT NULL DEFAULT '{}',
    ADD COLUMN attachments jsonb, -- NULL: not fetched
    ADD COLUMN excerpt_at timestamptz,
    ADD CONSTRAINT emails_wanted CHECK (
        wanted_parts IS NULL OR (status = 'fetched' AND cardinality(wanted_parts) > 0)
    ),
    ADD CONSTRAINT emails_excerpt CHECK ((excerpt IS NULL) = (excerpt_at IS NULL));

DROP INDEX emails_to_classify;

CREATE INDEX emails_to_classify ON emails (account_id, internaldate DESC, uid DESC)
    WHERE status = 'fetched' AND wanted_parts IS NULL;

CREATE INDEX emails_wished ON emails (account_id, mailbox_id) WHERE wanted_parts IS NOT NULL;

CREATE INDEX emails_excerpt_at ON emails (account_id, excerpt_at) WHERE excerpt IS NOT NULL;

CREATE INDEX emails_excerpt_final ON emails (account_id)
    WHERE excerpt IS NOT NULL AND status IN ('classified', 'failed');

ALTER TABLE email_events
    DROP CONSTRAINT email_events_what_check,
    ADD CONSTRAINT email_events_what_check CHECK (what IN ('status', 'filing', 'place', 'parts'));
