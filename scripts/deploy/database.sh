# shellcheck shell=bash
# PostgreSQL: its settings, a role that owns one database, and the tables.

cluster() { # "16 main": the first cluster of this machine
    pg_lsclusters --no-header 2>/dev/null | awk 'NR == 1 {print $1, $2}'
}

cluster_folder() {
    local found
    found=$(cluster)
    printf '/etc/postgresql/%s' "${found:+${found/ //}}"
}

as_postgres() { # the statements come on standard input: a password never stands in a command line
    if [ "$dry_run" = yes ]; then
        cat >/dev/null
        say "psql --no-psqlrc --set ON_ERROR_STOP=1 # as postgres"
        return
    fi
    (cd / && setpriv --reuid postgres --regid postgres --init-groups psql --no-psqlrc --quiet --no-align --tuples-only \
        --set ON_ERROR_STOP=1) 2>>"$log"
}

listening() {
    cat "$root/config/postgresql-arm.conf"
    printf "\n# The functions come in over the bridge, which may appear after PostgreSQL has started (ip_nonlocal_bind).\n"
    printf "listen_addresses = 'localhost,%s'\n" "$BRIDGE_ADDRESS"
}

done_postgres() {
    same <(listening) "$(cluster_folder)/conf.d/email-agent.conf" &&
        grep -q "$BRIDGE_NETWORK" "$(cluster_folder)/pg_hba.conf" &&
        [ "$(postgres_says 'SHOW listen_addresses')" = "localhost,$BRIDGE_ADDRESS" ] &&
        [ "$(cat /proc/sys/net/ipv4/ip_nonlocal_bind)" = 1 ]
}

do_postgres() {
    local folder
    folder=$(cluster_folder)
    [ "$dry_run" = no ] || folder=/etc/postgresql/VERSION/main
    printf 'net.ipv4.ip_nonlocal_bind = 1\nnet.ipv4.conf.all.forwarding = 1\n' |
        write 0644 root:root /etc/sysctl.d/90-email-agent.conf
    run sysctl --load=/etc/sysctl.d/90-email-agent.conf
    run install -d -m 0755 "$folder/conf.d"
    listening | write 0644 root:root "$folder/conf.d/email-agent.conf"
    if ! already grep -q "$BRIDGE_NETWORK" "$folder/pg_hba.conf"; then
        shell "echo 'host email_agent email_agent $BRIDGE_NETWORK scram-sha-256' >>'$folder/pg_hba.conf'"
    fi
    if [ "$dry_run" = yes ] || has_systemd; then
        run systemctl restart postgresql
    else
        # shellcheck disable=SC2046 # version and name are two words
        run pg_ctlcluster $(cluster) restart
    fi
}

password() { # of the role, as the secret has it
    sed -E 's|^[^:]+://[^:]+:([^@]+)@.*|\1|' "$CONFIG/secrets/postgres-url"
}

as_email_agent() { # SQL: over TCP with the password of the secret, which stands in no command line
    PGPASSWORD=$(password) psql --host 127.0.0.1 --username email_agent --dbname email_agent --no-password --no-psqlrc \
        --quiet --no-align --tuples-only --command "$1" 2>>"$log" </dev/null
}

postgres_says() { printf '%s;\n' "$1" | as_postgres; }

done_database() {
    [ "$(postgres_says "SELECT count(*) FROM pg_database WHERE datname = 'email_agent'")" = 1 ] &&
        [ "$(as_email_agent 'SELECT 1')" = 1 ]
}

do_database() { # the role's password is that of the secret, whatever it was before
    local secret=""
    [ "$dry_run" = yes ] || secret=$(password)
    # The file belongs to a user who is nobody to PostgreSQL: what is in it must stay within its quotes.
    [[ $dry_run = yes || $secret =~ ^[A-Za-z0-9._~-]+$ ]] ||
        fail "the password in $CONFIG/secrets/postgres-url is not of letters, digits and . _ ~ - alone" \
            "write one that is into postgres-url and postgres-url.functions"
    as_postgres <<SQL
SELECT 'CREATE ROLE email_agent LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'email_agent') \gexec
ALTER ROLE email_agent PASSWORD '$secret';
SELECT 'CREATE DATABASE email_agent OWNER email_agent'
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'email_agent') \gexec
REVOKE CONNECT ON DATABASE email_agent FROM PUBLIC;
SQL
}

done_schema() { # the newest migration of this release has reached the database
    local newest
    newest=$(find "$root/shared/store/migrations" -name '[0-9]*.sql' -printf '%f\n' | sort | tail -n 1)
    as_email_agent 'SELECT name FROM migrations' | grep -qxF "$newest"
}

do_schema() { # any command of the program that opens the store migrates it
    run /usr/local/bin/email-agent accounts list
}
