# shellcheck shell=bash
# The functions on faasd: images built here, secrets first, one function at a time, each polled until it answers.

GATEWAY=http://127.0.0.1:8080
BUILD_ARGS=() # PYTHON_IMAGE and WATCHDOG_IMAGE name other base images, of a mirror for instance
for argument in PYTHON_IMAGE WATCHDOG_IMAGE; do
    [ -z "${!argument:-}" ] || BUILD_ARGS+=(--build-arg "$argument=${!argument}")
done

tag() { release; }

image() { printf 'localhost/email-agent/%s:%s' "$1" "$(tag)"; }

in_containerd() { ctr --namespace openfaas-fn images list --quiet 2>/dev/null | grep -qxF "$(image "$1")"; }

done_images() {
    local name
    for name in $FUNCTIONS; do in_containerd "$name" || return 1; done
}

do_images() { # faas-cli lays out each build folder, buildah builds it, containerd gets it: no registry is needed
    local name archive
    shell "cd $PROGRAM/current && REGISTRY=localhost TAG='$(tag)' OPENFAAS_CONFIG=/root/.openfaas faas-cli build --shrinkwrap -f stack.yml"
    for name in $FUNCTIONS; do
        archive=/var/tmp/email-agent-$name.tar
        run buildah bud --layers "${BUILD_ARGS[@]}" --tag "$(image "$name")" "$PROGRAM/current/build/$name"
        run rm -f "$archive"
        run buildah push "$(image "$name")" "docker-archive:$archive:$(image "$name")"
        run ctr --namespace openfaas-fn images import "$archive"
        run rm -f "$archive"
    done
}

signed_in() {
    [ "$dry_run" = no ] || { say "faas-cli login --gateway $GATEWAY --password-stdin"; return; }
    OPENFAAS_CONFIG=/root/.openfaas faas-cli login --gateway "$GATEWAY" --password-stdin \
        </var/lib/faasd/secrets/basic-auth-password >>"$log" 2>&1 ||
        fail "the gateway does not let us in" "journalctl -u faasd -u faasd-provider"
}

knows_secret() { faas_cli secret list 2>/dev/null | awk '{print $1}' | grep -qxF "$1"; }

give_secret() { # NAME FILE: made anew where it is missing; `secret create` says 0 even if nobody heard it, hence the look
    if already knows_secret "$1"; then
        faas secret update "$1" --from-file "$2" --trim
    else
        faas secret create "$1" --from-file "$2" --trim
    fi
    [ "$dry_run" = yes ] || knows_secret "$1" ||
        fail "the gateway does not know the secret $1" "journalctl -u faasd-provider"
}

faas_cli() { OPENFAAS_CONFIG=/root/.openfaas OPENFAAS_URL=$GATEWAY faas-cli "$@"; }

faas() { run env OPENFAAS_CONFIG=/root/.openfaas "OPENFAAS_URL=$GATEWAY" faas-cli "$@"; }

answers() { # NAME: it says that it is ready, through the gateway
    curl -fsS --max-time 5 "$GATEWAY/function/$1/_/ready" >/dev/null 2>&1
}

wait_for() { # NAME
    local tries=90
    [ "$dry_run" = no ] || { say "curl -fsS $GATEWAY/function/$1/_/ready # until it answers 200"; return; }
    until answers "$1"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "$1 does not get ready: $(curl -sS --max-time 5 "$GATEWAY/function/$1/_/ready" 2>&1 | head -c 300)" \
            "faas-cli logs $1"
        sleep 2
    done
}

running_image() { faas_cli describe "$1" 2>/dev/null | awk '/^Image:/ {print $2}'; }

GIVEN=/var/lib/faasd/email-agent-secrets.sha256

secrets_now() { # digests: a secret that changed since it was given to the functions, a rotated key for one, is given anew
    (cd "$CONFIG/secrets" && sha256sum function-signing-key fernet-keys postgres-url.functions)
}

done_functions() {
    local name
    same <(secrets_now) "$GIVEN" || return 1
    for name in $FUNCTIONS; do
        [ "$(running_image "$name")" = "$(image "$name")" ] && answers "$name" || return 1
    done
}

of_this_machine() { # settings of config/common.yml that are otherwise on this machine
    printf -- '--env OLLAMA_HOST=http://%s:11434 --env OLLAMA_MODEL=%s' "$BRIDGE_ADDRESS" "$model"
    [ "$with_llm" = yes ] || printf -- ' --env CLASSIFICATION_STRATEGY=rules'
    [ "$arch" = aarch64 ] || printf -- ' --env PLATFORM=amd64'
}

do_functions() {
    local name
    signed_in
    give_secret function-signing-key "$CONFIG/secrets/function-signing-key"
    give_secret fernet-keys "$CONFIG/secrets/fernet-keys"
    give_secret postgres-url "$CONFIG/secrets/postgres-url.functions"
    for name in $FUNCTIONS; do
        shell "cd $PROGRAM/current && REGISTRY=localhost TAG='$(tag)' OPENFAAS_CONFIG=/root/.openfaas" \
            " faas-cli deploy -f stack.yml --gateway $GATEWAY --filter '$name' $(of_this_machine)"
        wait_for "$name"
    done
    { [ "$dry_run" = yes ] || secrets_now; } | write 0600 root:root "$GIVEN"
}

UNITS="email-agent-trigger.service email-agent-warm-up.service"

done_trigger() {
    local name
    for name in $UNITS; do
        same "$root/config/systemd/$name" "/etc/systemd/system/$name" || return 1
    done
    ! has_systemd || systemctl --quiet is-active email-agent-trigger
}

do_trigger() {
    local name
    for name in $UNITS; do
        write 0644 root:root "/etc/systemd/system/$name" <"$root/config/systemd/$name"
    done
    unit daemon-reload
    # shellcheck disable=SC2086 # a list of words
    unit enable --now $UNITS
}
