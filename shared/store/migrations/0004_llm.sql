-- Mail that no rule decides waits for the language model: it is claimed, and its text may be wished for it.

ALTER TABLE emails
    DROP CONSTRAINT emails_claim,
    ADD CONSTRAINT emails_claim CHECK (
        (claim_token IS NULL) = (claim_expires_at IS NULL)
        AND (claim_token IS NULL OR status IN ('fetched', 'uncertain') OR filing IN ('applying', 'applied'))
    ),
    DROP CONSTRAINT emails_wanted,
    ADD CONSTRAINT emails_wanted CHECK (
        wanted_parts IS NULL OR (status IN ('fetched', 'uncertain') AND cardinality(wanted_parts) > 0)
    );

DROP INDEX emails_uncertain;

CREATE INDEX emails_uncertain ON emails (account_id, internaldate DESC, uid DESC) WHERE status = 'uncertain';
