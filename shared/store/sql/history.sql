-- find_email --
-- Find a mail by id, or by Message-ID: of twins the one that came last.
SELECT emails.*, accounts.name AS account, mailboxes.name AS mailbox,
    'not-fetchable' = ANY (emails.defects) AS unreadable
FROM emails
JOIN accounts ON accounts.id = emails.account_id
JOIN mailboxes ON mailboxes.id = emails.mailbox_id
WHERE emails.id = %(id)s OR (%(id)s::bigint IS NULL AND emails.message_id = ANY (%(message_ids)s))
ORDER BY emails.id DESC
LIMIT 1;

-- read_events --
-- Read what happened to a mail, in order.
SELECT at, what, was, became, why, by, run_id FROM email_events WHERE email_id = %(id)s ORDER BY id;
