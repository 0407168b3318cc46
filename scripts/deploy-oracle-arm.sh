#!/usr/bin/env bash
# From an empty VM (Ubuntu or Debian; arm64 or amd64) to sorted mail. Safe to run again: what is done is left alone,
# and a run that was cut off goes on where it stopped. docs/DEPLOY_ORACLE_ARM.md walks through it.
set -Eeuo pipefail
umask 022 # the agent's user has to read what is installed; what is secret gets its mode by itself

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
readonly here root
# shellcheck source=deploy/versions.sh
. "$here/deploy/versions.sh"
# shellcheck source=deploy/say.sh
. "$here/deploy/say.sh"
# shellcheck source=deploy/checks.sh
. "$here/deploy/checks.sh"
# shellcheck source=deploy/machine.sh
. "$here/deploy/machine.sh"
# shellcheck source=deploy/database.sh
. "$here/deploy/database.sh"
# shellcheck source=deploy/platform.sh
. "$here/deploy/platform.sh"
# shellcheck source=deploy/functions.sh
. "$here/deploy/functions.sh"
# shellcheck source=deploy/front.sh
. "$here/deploy/front.sh"

usage() {
    cat <<'TEXT'
Usage: sudo scripts/deploy-oracle-arm.sh [OPTION…]

  --check          look at this machine, change nothing; exit code 1 if something is missing
  --dry-run        print each command, run none
  --yes            do not ask (says yes to the licence question too: read it first)
  --without-llm    no Ollama, no model: rules alone decide, the rest waits
  --model NAME     the model to pull (default: mistral:7b-instruct-q4_0)
  --arch NAME      with --dry-run: print for this machine (aarch64 or x86_64)
  --log FILE       where the log goes (default: /var/log/email-agent/deploy.log)
  -h, --help       this text

Exit codes: 0 done · 1 something is missing or failed · 2 usage
TEXT
}

check_only=no dry_run=no yes=no with_llm=yes model=$DEFAULT_MODEL arch=$(uname -m) log=/var/log/email-agent/deploy.log
while [ $# -gt 0 ]; do
    case $1 in
    --check) check_only=yes ;;
    --dry-run) dry_run=yes ;;
    --yes) yes=yes ;;
    --without-llm) with_llm=no ;;
    --model | --arch | --log)
        [ $# -gt 1 ] || { printf '%s needs a value\n' "$1" >&2; exit 2; }
        declare "${1#--}=$2"
        shift
        ;;
    -h | --help) usage; exit 0 ;;
    *) printf 'unknown option %s\n\n' "$1" >&2; usage >&2; exit 2 ;;
    esac
    shift
done
case $arch in
aarch64 | x86_64) ;;
*) printf 'no binaries for %s: aarch64 and x86_64 are supported\n' "$arch" >&2; exit 2 ;;
esac
[[ $model =~ ^[A-Za-z0-9._:/-]+$ ]] || { printf '%s is no name of a model\n' "$model" >&2; exit 2; }
readonly check_only dry_run yes with_llm model arch log

if [ "$check_only" = yes ]; then
    if check_machine; then exit 0; else exit 1; fi
fi
[ "$dry_run" = yes ] || [ "$(id -u)" -eq 0 ] || { printf 'run this as root: sudo %s\n' "$0" >&2; exit 1; }

begin
step packages "packages of the distribution"
step firewall "firewall: our inner ports are shut from outside, 80 and 443 open"
step user "user, folders and settings"
step code "the program in $PROGRAM"
step secrets "secrets"
step postgres "PostgreSQL with config/postgresql-arm.conf"
step database "database and role"
step schema "tables"
step faasd "faasd $FAASD_VERSION"
step faas_cli "faas-cli $FAAS_CLI_VERSION"
if [ "$with_llm" = yes ]; then
    step ollama "Ollama $OLLAMA_VERSION"
    step_on_services model "model $model" http://127.0.0.1:11434
fi
step images "images of the functions"
step_on_services functions "functions deployed and answering" "$GATEWAY"
step trigger "trigger and warm-up after a reboot"
step nginx "nginx"
finish
