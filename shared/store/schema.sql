-- The full picture: what all migrations together make. tests/integration/store/test_migrate.py proves both equal.

CREATE TYPE email_status AS ENUM ('fetched', 'uncertain', 'review', 'classified', 'failed');

CREATE TYPE email_filing AS ENUM (
    'none', 'pending', 'applying', 'applied', 'kept', 'held', 'unclear', 'vanished', 'failed'
);

CREATE TYPE action_state AS ENUM (
    'planned', 'sent', 'copy_sent', 'copied', 'expunge_sent', 'done', 'done_source_left', 'refused', 'abandoned'
);

CREATE TYPE action_kind AS ENUM ('flag', 'unflag', 'move', 'copy');

CREATE TYPE account_mode AS ENUM ('observe', 'apply', 'paused');

CREATE TYPE tls_mode AS ENUM ('tls', 'starttls', 'none');

CREATE TABLE accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    provider text,
    host text NOT NULL,
    port integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
    tls tls_mode NOT NULL,
    username text NOT NULL,
    auth text NOT NULL DEFAULT 'password',
    secret bytea NOT NULL,
    secret_version integer NOT NULL DEFAULT 1,
    secret_expires_at timestamptz,
    mode account_mode NOT NULL DEFAULT 'observe',
    mailboxes text[] NOT NULL DEFAULT '{INBOX}' CHECK (cardinality(mailboxes) > 0),
    max_actions_per_hour integer NOT NULL CHECK (max_actions_per_hour >= 0),
    approved_moves integer NOT NULL DEFAULT 0 CHECK (approved_moves >= 0),
    file_since timestamptz, -- mail that the server received before is kept where it is; NULL: all is filed
    plaintext_allowed boolean NOT NULL DEFAULT false,
    copy_without_expunge boolean NOT NULL DEFAULT false,
    ca_file text,
    last_success_at timestamptz,
    last_error text,
    consecutive_failures integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    sync_interval_minutes integer CHECK (sync_interval_minutes BETWEEN 1 AND 10080), -- NULL: the setting
    sync_started_at timestamptz, -- by the trigger
    sync_failures integer NOT NULL DEFAULT 0 CHECK (sync_failures >= 0), -- of the trigger's syncs, in a row
    awake_since timestamptz NOT NULL DEFAULT now() -- since when it is not paused
);

CREATE TABLE mailboxes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name text NOT NULL,
    special_use text,
    uidvalidity bigint,
    uid_low bigint,
    uid_high bigint,
    window_since timestamptz,
    highestmodseq bigint,
    bytes_today bigint NOT NULL DEFAULT 0,
    bytes_day date,
    UNIQUE (account_id, name),
    UNIQUE (account_id, id),
    CONSTRAINT mailboxes_watermarks CHECK (
        (uid_low IS NULL) = (uid_high IS NULL) AND (uid_low IS NULL OR uidvalidity IS NOT NULL)
    )
);

CREATE TABLE rule_sets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    text text NOT NULL,
    digest text NOT NULL,
    active boolean NOT NULL DEFAULT false,
    pushed_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX rule_sets_active ON rule_sets (active) WHERE active;

CREATE TABLE runs (
    id uuid PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    mode account_mode NOT NULL,
    dry_run boolean NOT NULL,
    approved_moves integer NOT NULL DEFAULT 0 CHECK (approved_moves >= 0),
    outcome text,
    counts jsonb,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT runs_finished CHECK ((outcome IS NULL) = (finished_at IS NULL))
);

CREATE INDEX runs_account ON runs (account_id, started_at);

CREATE TABLE emails (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    mailbox_id bigint NOT NULL,
    uidvalidity bigint NOT NULL,
    uid bigint,
    provider_id text,
    identity_hash uuid NOT NULL,
    content_key text,
    message_id text NOT NULL,
    internaldate timestamptz NOT NULL,
    size bigint NOT NULL,
    flags text[] NOT NULL,
    headers json NOT NULL, -- read as a whole
    defects text[] NOT NULL,
    excerpt text,
    excerpt_at timestamptz,
    attachments jsonb, -- NULL: not fetched
    fetched_parts text[] NOT NULL DEFAULT '{header}',
    wanted_parts text[], -- NULL: none; classify-rules, or classify-llm, waits for them
    unavailable_parts text[] NOT NULL DEFAULT '{}',
    fetched_at timestamptz NOT NULL,
    status email_status NOT NULL DEFAULT 'fetched',
    filing email_filing NOT NULL DEFAULT 'none',
    category text,
    decided_by text,
    confidence double precision CHECK (confidence BETWEEN 0 AND 1),
    reason text,
    trace text,
    rule_set_id bigint, -- of rule_sets, whose rows are never deleted (ADR 12)
    decision_id uuid,
    actions jsonb NOT NULL DEFAULT '[]',
    processing_time_ms double precision,
    processed_at timestamptz,
    attempts smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz,
    claim_token uuid,
    claim_expires_at timestamptz,
    held_run uuid,
    UNIQUE (mailbox_id, uidvalidity, uid),
    FOREIGN KEY (account_id, mailbox_id) REFERENCES mailboxes (account_id, id) ON DELETE CASCADE,
    CONSTRAINT emails_classified CHECK (
        status <> 'classified' OR (processed_at IS NOT NULL AND decided_by IS NOT NULL)
    ),
    CONSTRAINT emails_timed CHECK (status = 'fetched' OR processing_time_ms IS NOT NULL),
    CONSTRAINT emails_filed CHECK (filing = 'none' OR decision_id IS NOT NULL),
    CONSTRAINT emails_applying CHECK (filing <> 'applying' OR claim_token IS NOT NULL),
    CONSTRAINT emails_claim CHECK (
        (claim_token IS NULL) = (claim_expires_at IS NULL)
        AND (claim_token IS NULL OR status IN ('fetched', 'uncertain') OR filing IN ('applying', 'applied'))
    ),
    CONSTRAINT emails_held CHECK ((filing = 'held') = (held_run IS NOT NULL)),
    CONSTRAINT emails_wanted CHECK (
        wanted_parts IS NULL OR (status IN ('fetched', 'uncertain') AND cardinality(wanted_parts) > 0)
    ),
    CONSTRAINT emails_excerpt CHECK ((excerpt IS NULL) = (excerpt_at IS NULL))
);

CREATE INDEX emails_identity ON emails (account_id, identity_hash);

CREATE INDEX emails_to_classify ON emails (account_id, internaldate DESC, uid DESC)
    WHERE status = 'fetched' AND wanted_parts IS NULL;

CREATE INDEX emails_wished ON emails (account_id, mailbox_id) WHERE wanted_parts IS NOT NULL;

CREATE INDEX emails_excerpt_at ON emails (account_id, excerpt_at) WHERE excerpt IS NOT NULL;

CREATE INDEX emails_excerpt_final ON emails (account_id)
    WHERE excerpt IS NOT NULL AND status IN ('classified', 'failed');

CREATE INDEX emails_uncertain ON emails (account_id, internaldate DESC, uid DESC) WHERE status = 'uncertain';

CREATE INDEX emails_to_file ON emails (account_id, mailbox_id, id) WHERE filing = 'pending';

CREATE INDEX emails_held_run ON emails (held_run) WHERE filing = 'held';

CREATE INDEX emails_claimed ON emails (claim_token) WHERE claim_token IS NOT NULL;

CREATE TABLE email_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    email_id bigint NOT NULL, -- of emails; written by the statement that changes the mail (ADR 12)
    run_id uuid,
    what text NOT NULL CHECK (what IN ('status', 'filing', 'place', 'parts')),
    was text,
    became text NOT NULL,
    why text NOT NULL,
    by text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (email_id, id)
);

CREATE INDEX email_events_run ON email_events (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE actions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email_id bigint NOT NULL REFERENCES emails ON DELETE CASCADE,
    account_id bigint NOT NULL, -- the account of the email
    run_id uuid,
    decision_id uuid NOT NULL,
    position smallint NOT NULL,
    kind action_kind NOT NULL,
    target text NOT NULL,
    state action_state NOT NULL DEFAULT 'planned',
    undoes bigint REFERENCES actions ON DELETE CASCADE,
    source_mailbox text,
    source_uidvalidity bigint,
    source_uid bigint,
    source_flags text[],
    target_mailbox text,
    target_uidvalidity bigint,
    target_uidnext bigint,
    target_uid bigint,
    error text,
    sent_at timestamptz,
    changed_at timestamptz NOT NULL,
    UNIQUE (email_id, decision_id, kind, target),
    CONSTRAINT actions_source CHECK (
        (source_mailbox IS NULL) = (source_uid IS NULL) AND (source_uid IS NULL) = (source_uidvalidity IS NULL)
    ),
    CONSTRAINT actions_sent CHECK (
        state IN ('planned', 'refused', 'abandoned') OR (sent_at IS NOT NULL AND source_uid IS NOT NULL)
    )
);

CREATE INDEX actions_unsettled ON actions (account_id)
    WHERE state IN ('sent', 'copy_sent', 'copied', 'expunge_sent');

CREATE INDEX actions_source_left ON actions (account_id, target_mailbox, target_uidvalidity, target_uid)
    WHERE state = 'done_source_left';

CREATE INDEX actions_run ON actions (run_id) WHERE run_id IS NOT NULL;

CREATE INDEX actions_sent_at ON actions (account_id, sent_at) WHERE sent_at IS NOT NULL;

CREATE INDEX actions_undoes ON actions (undoes) WHERE undoes IS NOT NULL;

CREATE TABLE corrections (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    email_id bigint NOT NULL REFERENCES emails ON DELETE CASCADE,
    what text NOT NULL,
    was_mailbox text NOT NULL,
    was_uidvalidity bigint NOT NULL,
    was_uid bigint,
    became_mailbox text NOT NULL,
    became_uidvalidity bigint NOT NULL,
    became_uid bigint,
    at timestamptz NOT NULL
);

CREATE INDEX corrections_email ON corrections (email_id);

CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    token uuid NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE global_pause (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    paused boolean NOT NULL
);

INSERT INTO global_pause (paused) VALUES (false);
