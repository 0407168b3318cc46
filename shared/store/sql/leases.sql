-- take_lease --
-- Take a free lease, or one whose holder died long enough ago; no row when somebody holds it.
INSERT INTO leases AS held (name, holder, token, expires_at)
VALUES (
    %(name)s, %(holder)s, %(token)s::uuid,
    coalesce(%(now)s::timestamptz, clock_timestamp()) + make_interval(secs => %(seconds)s)
)
ON CONFLICT (name) DO UPDATE
    SET holder = excluded.holder, token = excluded.token, expires_at = excluded.expires_at
    WHERE held.expires_at + make_interval(secs => %(grace)s) < coalesce(%(now)s::timestamptz, clock_timestamp())
RETURNING NOT (xmax = 0) AS inherited;

-- renew_lease --
-- Prolong our lease while it lives, and with it the claims made under it.
WITH renewed AS (
    UPDATE leases
    SET expires_at = coalesce(%(now)s::timestamptz, clock_timestamp()) + make_interval(secs => %(seconds)s)
    WHERE name = %(name)s
        AND token = %(token)s::uuid
        AND expires_at > coalesce(%(now)s::timestamptz, clock_timestamp())
    RETURNING token, expires_at
), prolonged AS (
    UPDATE emails SET claim_expires_at = renewed.expires_at
    FROM renewed
    WHERE emails.claim_token = renewed.token
)
SELECT count(*) FROM renewed;

-- release_lease --
-- Give our lease back, unless a mail is still claimed under it: then only time frees it.
DELETE FROM leases
WHERE name = %(name)s
    AND token = %(token)s::uuid
    AND NOT EXISTS (SELECT FROM emails WHERE claim_token = %(token)s::uuid);

-- hold_sync --
-- Take or renew the sync lease of an account for one run; it covers no IMAP command, so expiry is enough.
INSERT INTO leases AS held (name, holder, token, expires_at)
VALUES (
    'sync:' || %(account_id)s::bigint, %(run)s::uuid::text, %(run)s::uuid,
    coalesce(%(now)s::timestamptz, clock_timestamp()) + make_interval(secs => %(seconds)s)
)
ON CONFLICT (name) DO UPDATE
    SET holder = excluded.holder, token = excluded.token, expires_at = excluded.expires_at
    WHERE held.token = excluded.token OR held.expires_at < coalesce(%(now)s::timestamptz, clock_timestamp())
RETURNING name;
