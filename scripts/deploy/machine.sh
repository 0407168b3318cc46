# shellcheck shell=bash
# The machine itself: packages, a user without rights, the program, its settings and secrets.

PACKAGES="ca-certificates curl git openssl postgresql nginx containerd runc containernetworking-plugins buildah
    iptables iptables-persistent python3 python3-venv zstd"

done_packages() {
    local package
    for package in $PACKAGES; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || return 1
    done
}

do_packages() {
    run apt-get update
    # shellcheck disable=SC2086 # a list of words
    run env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $PACKAGES
}

release() { # the version that is deployed: what git says of this checkout
    local name changes
    [ "$dry_run" = no ] || { printf RELEASE; return; }
    name=$(git -C "$root" -c safe.directory="$root" describe --always --dirty --abbrev=12 2>/dev/null) || name=unversioned
    case $name in *-dirty) # two changed checkouts are two releases
        changes=$(git -C "$root" -c safe.directory="$root" diff --no-ext-diff --no-textconv HEAD | sha256sum)
        name+=-${changes:0:8}
        ;;
    esac
    printf '%s' "$name" | tr -c 'A-Za-z0-9._' '-'
}

done_user() {
    id email-agent >/dev/null 2>&1 && [ -d "$CONFIG/secrets" ] && [ -s "$CONFIG/env" ] && [ -x /usr/local/bin/email-agent ]
}

do_user() {
    already id email-agent ||
        run useradd --system --home-dir "$STATE" --create-home --shell /usr/sbin/nologin email-agent
    run install -d -m 0750 -o root -g email-agent "$CONFIG"
    run install -d -m 0700 -o email-agent -g email-agent "$CONFIG/secrets" "$STATE"
    already test -s "$CONFIG/env" || settings | write 0640 root:email-agent "$CONFIG/env"
    write 0755 root:root /usr/local/bin/email-agent <<TEXT
#!/bin/sh
# The command line of email-agent, as the user that the trigger runs as.
set -a; . $CONFIG/env; set +a
export HOME=$STATE
cd $STATE || exit 1
exec setpriv --reuid email-agent --regid email-agent --clear-groups $PROGRAM/current/scripts/agent "\$@"
TEXT
}

settings() { # the template of this machine, and where things are on it
    sed '/^PLATFORM=/d; /^OLLAMA_MODEL=/d; /^CLASSIFICATION_STRATEGY=/d' "$root/config/.env.oracle-arm"
    if [ "$arch" = aarch64 ]; then printf 'PLATFORM=arm64\n'; else printf 'PLATFORM=amd64\n'; fi
    printf 'AGENT_HOME=%s\nSECRETS_DIR=%s\n' "$STATE" "$CONFIG/secrets"
    printf 'OLLAMA_MODEL=%s\n' "$model"
    if [ "$with_llm" = yes ]; then printf 'CLASSIFICATION_STRATEGY=hybrid\n'; else printf 'CLASSIFICATION_STRATEGY=rules\n'; fi
}

done_code() {
    [ "$(readlink "$PROGRAM/current" 2>/dev/null)" = "releases/$(release)" ] && [ -x "$PROGRAM/current/.venv/bin/python" ]
}

do_code() { # beside the release before it; the link moves last, so that a cut leaves the old one in place
    local new
    new="$PROGRAM/releases/$(release)"
    run install -d -m 0755 "$new"
    shell "git -C '$root' -c safe.directory='$root' ls-files -z | tar -C '$root' --owner=0 --group=0 --mode=a+rX,go-w --null -T - -cf - | tar -C '$new' -xf -"
    run python3 "$new/scripts/bootstrap.py"
    run ln -sfn "releases/$(basename "$new")" "$PROGRAM/current.new"
    run mv -Tf "$PROGRAM/current.new" "$PROGRAM/current"
}

secret() { # NAME: standard input becomes the secret, without a newline at its end
    printf '%s' "$(cat)" | write 0600 email-agent:email-agent "$CONFIG/secrets/$1"
}

done_secrets() {
    [ -s "$CONFIG/secrets/function-signing-key" ] && [ -s "$CONFIG/secrets/fernet-keys" ] &&
        [ -s "$CONFIG/secrets/postgres-url" ] && [ -s "$CONFIG/secrets/postgres-url.functions" ]
}

do_secrets() { # a secret that is there stays: with another Fernet key the stored passwords could not be read
    local password
    already test -s "$CONFIG/secrets/function-signing-key" || openssl rand -hex 32 | secret function-signing-key
    already test -s "$CONFIG/secrets/fernet-keys" || openssl rand -base64 32 | tr '+/' '-_' | secret fernet-keys
    if ! already test -s "$CONFIG/secrets/postgres-url" || ! already test -s "$CONFIG/secrets/postgres-url.functions"; then
        password=$(openssl rand -hex 24)
        printf 'postgresql://email_agent:%s@127.0.0.1:5432/email_agent' "$password" | secret postgres-url
        printf 'postgresql://email_agent:%s@%s:5432/email_agent' "$password" "$BRIDGE_ADDRESS" | secret postgres-url.functions
    fi
}
