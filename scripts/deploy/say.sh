# shellcheck shell=bash
# What the deployment says, and how it does things: every effect goes through run, write or as_user, so that --dry-run
# prints it instead, and the log has it.

current=start

say() { printf '%s\n' "$*"; }

fail() { # WHY HINT: end, saying which step failed, why, and how to go on
    printf '\nfailed in step %s: %s\n  %s\n  then run this again: it goes on here (log: %s)\n' \
        "$current" "$1" "${2:-}" "$log" >&2
    trap - ERR
    exit 1
}

unexpected() { # LINE COMMAND
    fail "line $1: $2" "see the last lines of the log"
}

open_log() { # in a folder of its own, or in one that is there, which keeps its mode
    [ -d "$(dirname "$log")" ] || install -d -m 0750 "$(dirname "$log")"
    touch "$log" && chmod 0640 "$log"
}

begin() {
    if [ "$dry_run" = yes ]; then return; fi
    open_log
    exec 9>/run/email-agent-deploy.lock
    flock --nonblock 9 || { printf 'another deployment is at work\n' >&2; exit 1; }
    trap 'unexpected "$LINENO" "$BASH_COMMAND"' ERR
    printf '\n== %s deploy %s\n' "$(date -Is)" "$(release)" >>"$log"
    check_machine || ask "Go on all the same?" || fail "the machine is not ready" "mend what the list above says"
}

ask() { # QUESTION: yes or no; without a terminal only --yes says yes
    [ "$yes" = no ] || return 0
    [ -t 0 ] || return 1
    local answer
    read -r -p "$1 [y/N] " answer
    [ "$answer" = y ] || [ "$answer" = Y ]
}

step() { # NAME TITLE: done_NAME looks whether it is done, do_NAME does it
    current=$1
    if [ "$dry_run" = yes ]; then
        say "# $2"
        "do_$1"
        return
    fi
    if "done_$1"; then
        say "  done already  $2"
        return
    fi
    say "  ...           $2"
    "do_$1"
    "done_$1" || fail "$2: it was done, but does not show" "see the log"
    say "  done          $2"
}

step_on_services() { # NAME TITLE ADDRESS: a step that talks to a service which systemd runs
    if [ "$dry_run" = yes ] || has_systemd || curl -sS --max-time 5 -o /dev/null "$3" 2>/dev/null; then
        step "$1" "$2"
    else
        say "  left out      $2: no systemd here, and nobody answers at $3"
    fi
}

run() { # COMMAND…: its output goes to the log
    if [ "$dry_run" = yes ]; then
        local words
        printf -v words ' %q' "$@"
        say "${words# }"
        return
    fi
    printf -- '-- %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null 9>&- || fail "$1 ended with an error: $(tail -n 1 "$log")" "the log says more"
}

shell() { # TEXT: a line for bash, where one command is not enough
    if [ "$dry_run" = yes ]; then say "$*"; else run bash -c "set -o pipefail; $*"; fi
}

write() { # MODE OWNER FILE: standard input becomes the file, whole or not at all; what is in it is never shown
    if [ "$dry_run" = yes ]; then
        cat >/dev/null
        say "write $3 ($1 $2)"
        return
    fi
    local new
    new=$(mktemp "$3.XXXXXX")
    cat >"$new"
    # -h: in a folder of another user the new file may have become a link meanwhile
    chmod "$1" "$new" && chown -h "$2" "$new" && mv -f "$new" "$3"
}

already() { # LOOK…: whether it is there; in a dry run nothing is, so that it prints what an empty machine gets
    [ "$dry_run" = no ] && "$@" >/dev/null 2>&1
}

same() { cmp -s "$1" "$2"; }

has() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null; }

has_systemd() { [ -d /run/systemd/system ]; }

unit() { # VERB UNIT…: systemctl where there is a systemd, and a word where there is none
    if [ "$dry_run" = yes ] || has_systemd; then
        run systemctl "$@"
    else
        say "                no systemd here: not done: systemctl $*"
    fi
}

download() { # URL SHA256-URL FILE: over https; the file is kept only if its checksum is what the release says
    if [ "$dry_run" = yes ]; then
        say "curl -fsSL --proto =https --tlsv1.2 $1 -o $3 # and compare with $2"
        return
    fi
    local folder expected found
    folder=$(mktemp -d)
    run curl -fsSL --proto =https --tlsv1.2 --retry 3 "$1" -o "$folder/file"
    run curl -fsSL --proto =https --tlsv1.2 --retry 3 "$2" -o "$folder/sums"
    found=$(sha256sum "$folder/file" | cut -d ' ' -f 1)
    expected=$(grep -oE '[0-9a-f]{64}' <(grep -F "$(basename "$1")" "$folder/sums" || cat "$folder/sums") | head -n 1)
    [ "$found" = "$expected" ] || fail "$1: the checksum is not the release's" "try again; if it stays so, do not go on"
    install -m 0755 "$folder/file" "$3.new" # a cut must not leave half of it under its name
    mv -f "$3.new" "$3"
    rm -rf "$folder"
}

finish() {
    current=finish
    [ "$dry_run" = no ] || return 0
    say ""
    /usr/local/bin/email-agent doctor || say "doctor found something above; mail is not touched meanwhile"
    cat <<TEXT

Next:
  sudo email-agent accounts add          # asks; the account starts in observe: nothing is changed
  sudo email-agent rules push            # rules/default.yml, or your own files
  sudo email-agent sync --dry-run        # what it would do
  sudo email-agent accounts mode NAME apply
TEXT
}
