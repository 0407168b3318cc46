-- A mail can be copied to further mailboxes; its source stays.
ALTER TYPE action_kind ADD VALUE 'copy';
