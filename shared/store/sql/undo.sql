-- claim_applied --
-- Claim what a run applied and nobody has touched since, to take it back; its owner asks, so observing is enough.
-- What its owner moved on since stays there, and a copy whose source was left is never taken back: there is no
-- delete here, so a mail that was only copied has nothing to undo.
UPDATE emails SET claim_token = %(token)s::uuid, claim_expires_at = %(expires_at)s
WHERE account_id = %(account_id)s
    AND filing = 'applied'
    AND claim_token IS NULL
    AND (SELECT mode FROM accounts WHERE id = %(account_id)s) <> 'paused'
    AND NOT (SELECT paused FROM global_pause)
    AND EXISTS (
        SELECT FROM actions
        WHERE actions.email_id = emails.id
            AND actions.decision_id = emails.decision_id
            AND actions.run_id = %(undone_run)s
            AND actions.undoes IS NULL
            AND actions.state IN ('done', 'done_source_left')
    )
    AND NOT EXISTS (
        SELECT FROM actions
        JOIN mailboxes ON mailboxes.id = emails.mailbox_id
        WHERE actions.email_id = emails.id
            AND actions.decision_id = emails.decision_id
            AND actions.kind = 'move'
            AND actions.undoes IS NULL
            AND actions.state = 'done'
            AND actions.target_mailbox <> mailboxes.name
    )
    AND (
        NOT EXISTS (
            SELECT FROM actions
            WHERE actions.email_id = emails.id
                AND actions.decision_id = emails.decision_id
                AND actions.undoes IS NULL
                AND actions.state = 'done_source_left'
        )
        OR EXISTS (
            SELECT FROM actions
            WHERE actions.email_id = emails.id
                AND actions.decision_id = emails.decision_id
                AND actions.undoes IS NULL
                AND actions.state = 'done'
                AND (
                    actions.kind = 'move'
                    OR (actions.kind = 'flag') <> (
                        lower(actions.target) = ANY (SELECT lower(flag) FROM unnest(actions.source_flags) AS flag)
                    )
                )
        )
    )
RETURNING id;

-- plan_reverse --
-- Plan the reverse of each effect not yet taken back: only flags that were changed, and the move back to its source.
INSERT INTO actions (email_id, account_id, decision_id, position, kind, target, undoes, changed_at)
SELECT done.email_id, done.account_id, %(decision_id)s, done.position,
    (CASE done.kind WHEN 'flag' THEN 'unflag' WHEN 'unflag' THEN 'flag' ELSE 'move' END)::action_kind,
    CASE done.kind WHEN 'move' THEN done.source_mailbox ELSE done.target END,
    done.id,
    coalesce(%(now)s::timestamptz, clock_timestamp())
FROM actions AS done
JOIN emails ON emails.id = done.email_id AND emails.decision_id = done.decision_id
WHERE done.email_id = ANY (%(ids)s)
    AND done.undoes IS NULL
    AND done.state = 'done'
    AND (
        done.kind = 'move'
        OR (done.kind = 'flag') <> (
            lower(done.target) = ANY (SELECT lower(flag) FROM unnest(done.source_flags) AS flag)
        )
    )
    AND NOT EXISTS (
        SELECT FROM actions AS reverse
        WHERE reverse.undoes = done.id AND reverse.state NOT IN ('refused', 'abandoned')
    )
ON CONFLICT (email_id, decision_id, kind, target) DO NOTHING;

-- count_copies_left --
-- Count the copies that a run made; where it could only copy what it should move, these too.
SELECT count(*) FROM actions
WHERE account_id = %(account_id)s AND run_id = %(undone_run)s AND undoes IS NULL AND state = 'done_source_left';

-- claim_begun_undos --
-- Claim mail whose filing began to be taken back and is not yet.
UPDATE emails SET claim_token = %(token)s::uuid, claim_expires_at = %(expires_at)s
WHERE account_id = %(account_id)s
    AND filing = 'applied'
    AND claim_token IS NULL
    AND (SELECT mode FROM accounts WHERE id = %(account_id)s) <> 'paused'
    AND NOT (SELECT paused FROM global_pause)
    AND EXISTS (
        SELECT FROM actions
        WHERE actions.email_id = emails.id
            AND actions.undoes IS NOT NULL
            AND actions.state NOT IN ('done', 'done_source_left', 'refused', 'abandoned')
    )
RETURNING id;
