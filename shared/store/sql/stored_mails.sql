-- stored_mails --
-- Read one page of stored mails with what was decided and done, those stored last first. `kept_why` is why a kept mail
-- was left, or that it turned up elsewhere since; `moved_on`: its owner moved it on after we filed it.
SELECT emails.id, accounts.name AS account, mailboxes.name AS mailbox, emails.flags, emails.internaldate, emails.size,
    emails.headers, emails.excerpt, emails.attachments, emails.unavailable_parts,
    'not-fetchable' = ANY (emails.defects) AS unreadable,
    emails.status, emails.filing, emails.category, emails.decided_by, emails.actions::text AS actions,
    emails.rule_set_id,
    emails.uid IS NULL AS is_lost,
    coalesce(emails.internaldate < accounts.file_since, false) AS is_older,
    emails.claim_token IS NOT NULL OR (
        emails.filing <> 'none' AND EXISTS (
            SELECT FROM actions
            WHERE actions.email_id = emails.id
                AND actions.state IN ('sent', 'copy_sent', 'copied', 'expunge_sent', 'done_source_left')
        )
    ) AS is_busy,
    CASE WHEN emails.filing = 'kept' THEN (
        SELECT why FROM email_events
        WHERE email_events.email_id = emails.id
            AND (what = 'filing' OR (what = 'place' AND why = 'seen at its new place'))
        ORDER BY email_events.id DESC
        LIMIT 1
    ) END AS kept_why,
    emails.filing = 'applied' AND EXISTS (
        SELECT FROM actions
        WHERE actions.email_id = emails.id
            AND actions.decision_id = emails.decision_id
            AND actions.kind = 'move'
            AND actions.undoes IS NULL
            AND actions.state = 'done'
            AND actions.target_mailbox <> mailboxes.name
    ) AS moved_on
FROM emails
JOIN accounts ON accounts.id = emails.account_id
JOIN mailboxes ON mailboxes.id = emails.mailbox_id
WHERE emails.id < %(before)s
    AND emails.filing <> 'vanished'
    AND (%(account)s::text IS NULL OR accounts.name = %(account)s)
    AND (%(mailbox)s::text IS NULL OR mailboxes.name = %(mailbox)s)
    AND (%(statuses)s::text[] IS NULL OR emails.status::text = ANY (%(statuses)s))
    AND (%(since)s::timestamptz IS NULL OR emails.internaldate >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR emails.internaldate < %(until)s)
ORDER BY emails.id DESC
LIMIT %(limit)s;

-- count_stored_mails --
-- Count the stored mails that such a reading meets.
SELECT count(*)
FROM emails
JOIN accounts ON accounts.id = emails.account_id
JOIN mailboxes ON mailboxes.id = emails.mailbox_id
WHERE emails.filing <> 'vanished'
    AND (%(account)s::text IS NULL OR accounts.name = %(account)s)
    AND (%(mailbox)s::text IS NULL OR mailboxes.name = %(mailbox)s)
    AND (%(statuses)s::text[] IS NULL OR emails.status::text = ANY (%(statuses)s))
    AND (%(since)s::timestamptz IS NULL OR emails.internaldate >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR emails.internaldate < %(until)s);
