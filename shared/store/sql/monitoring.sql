-- count_classified --
-- Count what was sorted: one of the two monitoring queries of the design, word for word.
SELECT COUNT(*) FROM emails WHERE status='classified';

-- average_processing_time --
-- Average the processing time of the last hour, in ms: the other one, word for word.
SELECT AVG(processing_time_ms) FROM emails WHERE processed_at > NOW() - INTERVAL '1 hour';

-- read_server --
-- Say which PostgreSQL this is, what time it has, and what is set.
SELECT current_setting('server_version') AS version,
    current_setting('server_version_num')::integer AS number,
    clock_timestamp() AS clock,
    (SELECT count(*) FROM migrations) AS migrations,
    (SELECT max(name) FROM migrations) AS newest,
    current_setting('shared_buffers') AS shared_buffers,
    current_setting('effective_cache_size') AS effective_cache_size,
    current_setting('work_mem') AS work_mem,
    current_setting('fsync') AS fsync,
    current_setting('full_page_writes') AS full_page_writes,
    (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit') AS synchronous_commit;

-- count_stale_claims --
-- Count mails whose worker let its claim run out longer than %(grace)s seconds ago.
SELECT count(*) FROM emails
WHERE claim_token IS NOT NULL
    AND claim_expires_at + make_interval(secs => %(grace)s) < coalesce(%(now)s::timestamptz, clock_timestamp());

-- count_recent_failures --
-- Count mails that were given up in the last %(hours)s hours.
SELECT count(DISTINCT email_id) FROM email_events
WHERE became = 'failed' AND at > coalesce(%(now)s::timestamptz, clock_timestamp()) - make_interval(hours => %(hours)s);

-- list_recent_refusals --
-- Count, for each account, the moves and copies that its server refused in the last %(hours)s hours.
SELECT accounts.name, count(*) AS actions
FROM actions JOIN accounts ON accounts.id = actions.account_id
WHERE actions.state = 'refused'
    AND actions.kind IN ('move', 'copy')
    AND actions.changed_at > coalesce(%(now)s::timestamptz, clock_timestamp()) - make_interval(hours => %(hours)s)
GROUP BY accounts.name
ORDER BY actions DESC, accounts.name;

-- read_last_run --
-- Read the run that was finished last.
SELECT accounts.name AS account, runs.outcome, runs.started_at, runs.finished_at
FROM runs JOIN accounts ON accounts.id = runs.account_id
WHERE runs.finished_at IS NOT NULL
ORDER BY runs.finished_at DESC
LIMIT 1;

-- list_recent_runs --
-- Name the runs that were begun last.
SELECT id FROM runs ORDER BY started_at DESC LIMIT %(limit)s;

-- list_account_names --
-- Name the accounts.
SELECT name FROM accounts ORDER BY name LIMIT %(limit)s;

-- read_settings --
-- Read the server's settings %(names)s; NULL where this version does not know one.
SELECT name, current_setting(name, true) AS value FROM unnest(%(names)s::text[]) AS name;
