#!/usr/bin/env bash
# Take back what deploy-oracle-arm.sh put on this machine. The data stay (database, settings, secrets) unless --purge.
set -Eeuo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
readonly here root
# shellcheck source=deploy/versions.sh
. "$here/deploy/versions.sh"
# shellcheck source=deploy/say.sh
. "$here/deploy/say.sh"
# shellcheck source=deploy/front.sh
. "$here/deploy/front.sh"

usage() {
    cat <<'TEXT'
Usage: sudo scripts/uninstall.sh [--dry-run] [--yes] [--purge]

  --dry-run   print each command, run none
  --yes       do not ask
  --purge     the database, the settings and the secrets too: what was decided and done is forgotten,
              no undo after that. Mail is not touched: it lies on your mail server.
TEXT
}

dry_run=no yes=no purge=no log=/var/log/email-agent/uninstall.log
for word in "$@"; do
    case $word in
    --dry-run) dry_run=yes ;;
    --yes) yes=yes ;;
    --purge) purge=yes ;;
    -h | --help) usage; exit 0 ;;
    *) printf 'unknown option %s\n\n' "$word" >&2; usage >&2; exit 2 ;;
    esac
done
readonly dry_run yes purge log
[ "$dry_run" = yes ] || [ "$(id -u)" -eq 0 ] || { printf 'run this as root: sudo %s\n' "$0" >&2; exit 1; }
if [ "$dry_run" = no ]; then
    open_log
    trap 'unexpected "$LINENO" "$BASH_COMMAND"' ERR
fi

whether() { # LOOK…: whether it is there; in a dry run everything is
    [ "$dry_run" = yes ] || "$@" >/dev/null 2>&1
}

stop_units() { # the trigger first, so that nothing new begins
    local name
    for name in email-agent-trigger email-agent-warm-up faasd faasd-provider ollama; do
        whether test -e "/etc/systemd/system/$name.service" || continue
        unit disable --now "$name"
        run rm -f "/etc/systemd/system/$name.service"
    done
    unit daemon-reload
}

remove_functions() {
    local task
    [ "$dry_run" = no ] && has ctr || return 0
    for task in $(ctr --namespace openfaas-fn tasks list --quiet 2>/dev/null || true); do
        ctr --namespace openfaas-fn tasks kill --signal SIGKILL "$task" >>"$log" 2>&1 || true
    done
    for task in $(ctr --namespace openfaas-fn containers list --quiet 2>/dev/null || true); do
        ctr --namespace openfaas-fn containers delete "$task" >>"$log" 2>&1 || true
    done
}

remove_firewall() {
    local table
    for table in $(tables); do
        shell "$table -D INPUT -j EMAIL-AGENT 2>/dev/null || true"
        shell "$table -D FORWARD $GUARD 2>/dev/null || true"
        shell "$table -F EMAIL-AGENT 2>/dev/null && $table -X EMAIL-AGENT || true"
    done
    ! whether has netfilter-persistent || run netfilter-persistent save
}

remove_site() {
    run rm -f /etc/nginx/sites-enabled/email-agent /etc/nginx/sites-available/email-agent
    ! whether has_systemd || unit reload nginx
}

remove_program() {
    run rm -rf "$PROGRAM" /usr/local/bin/email-agent /var/lib/faasd /var/lib/faasd-provider
    run rm -f /usr/local/bin/faasd /etc/sysctl.d/90-email-agent.conf
}

remove_data() {
    if [ "$dry_run" = yes ]; then
        say "DROP DATABASE email_agent; DROP ROLE email_agent # as postgres"
    elif has psql; then
        printf 'DROP DATABASE IF EXISTS email_agent;\nDROP ROLE IF EXISTS email_agent;\n' |
            (cd / && setpriv --reuid postgres --regid postgres --init-groups psql --no-psqlrc --quiet) >>"$log" 2>&1 ||
            fail "the database cannot be dropped" "is PostgreSQL up, and does nobody use it?"
    fi
    shell 'rm -f /etc/postgresql/*/*/conf.d/email-agent.conf'
    shell "sed -i '\\|email_agent email_agent $BRIDGE_NETWORK|d' /etc/postgresql/*/*/pg_hba.conf || true"
    run rm -rf "$CONFIG" "$STATE"
    ! whether id email-agent || run userdel email-agent
}

what="the program, the functions and their units"
[ "$purge" = no ] || what+=", and the database, settings and secrets for ever"
[ "$dry_run" = yes ] || ask "Remove $what?" || { printf 'nothing was removed\n'; exit 1; }
stop_units
remove_functions
remove_firewall
remove_site
remove_program
[ "$purge" = no ] || remove_data
[ "$purge" = yes ] || say "kept: the database email_agent, $CONFIG, $STATE."
say "Packages of the distribution, faas-cli, and Ollama with its models (/var/lib/ollama) stay too."
