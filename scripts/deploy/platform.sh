# shellcheck shell=bash
# faasd, faas-cli, Ollama: binaries of pinned releases, and their units.

suffix() { # how the release names this machine's binary
    if [ "$arch" = aarch64 ]; then printf -- '-arm64'; fi
}

done_faasd() {
    has faasd && [ "$(cat /var/lib/faasd/version 2>/dev/null)" = "$FAASD_VERSION" ] && same <(compose) /var/lib/faasd/docker-compose.yaml &&
        [ -s /etc/systemd/system/faasd-provider.service ]
}

licence() {
    case $FAASD_VERSION in
    0.19.0 | 0.1[0-8].*) say "                faasd $FAASD_VERSION is under the MIT licence" ;;
    *)
        say "faasd $FAASD_VERSION is faasd CE: its EULA allows an individual's personal, non-commercial use, 15 functions,"
        say "one namespace, and it needs internet access at start."
        ask "Do you agree to it?" || fail "the licence was not agreed to" "set FAASD_VERSION=0.19.0 (MIT), or say --yes"
        ;;
    esac
}

compose() { # the gateway and what it needs, on loopback; timeouts nest around the functions' 180 s
    sed -e "s|@GATEWAY_IMAGE@|$GATEWAY_IMAGE|" -e "s|@PROMETHEUS_IMAGE@|$PROMETHEUS_IMAGE|" "$root/config/faasd/docker-compose.yaml"
}

do_faasd() {
    local url=https://github.com/openfaas/faasd/releases/download/$FAASD_VERSION/faasd
    licence
    run install -d -m 0755 /opt/cni /var/lib/faasd /var/lib/faasd-provider /var/lib/faasd/prometheus
    run install -d -m 0700 /var/lib/faasd/secrets
    run chown 65534:65534 /var/lib/faasd/prometheus
    already test -e /opt/cni/bin || run ln -s /usr/lib/cni /opt/cni/bin
    already has faasd && ! already test -s /var/lib/faasd/version || # one that somebody else put there stays
        download "$url$(suffix)" "$url$(suffix).sha256" /usr/local/bin/faasd
    printf '%s\n' "$FAASD_VERSION" | write 0644 root:root /var/lib/faasd/version
    if ! already test -s /var/lib/faasd/secrets/basic-auth-password; then
        printf admin | write 0600 root:root /var/lib/faasd/secrets/basic-auth-user
        openssl rand -hex 32 | tr -d '\n' | write 0600 root:root /var/lib/faasd/secrets/basic-auth-password
    fi
    compose | write 0644 root:root /var/lib/faasd/docker-compose.yaml
    write 0644 root:root /var/lib/faasd/prometheus.yml <"$root/config/faasd/prometheus.yml"
    write 0644 root:root /var/lib/faasd/resolv.conf <"$root/config/faasd/resolv.conf"
    write 0644 root:root /etc/systemd/system/faasd-provider.service <"$root/config/systemd/faasd-provider.service"
    write 0644 root:root /etc/systemd/system/faasd.service <"$root/config/systemd/faasd.service"
    unit daemon-reload
    unit enable --now containerd faasd-provider faasd
}

done_faas_cli() { has faas-cli; }

do_faas_cli() {
    local url=https://github.com/openfaas/faas-cli/releases/download/$FAAS_CLI_VERSION/faas-cli
    download "$url$(suffix)" "$url$(suffix).sha256" /usr/local/bin/faas-cli
}

OLLAMA_ARCHIVE=/var/cache/ollama.tar.zst # there until it is unpacked: a cut is seen by it

done_ollama() {
    has ollama && [ ! -e "$OLLAMA_ARCHIVE" ] && same "$root/config/systemd/ollama.service" /etc/systemd/system/ollama.service &&
        same "$root/config/ollama.env" /etc/email-agent/ollama.env
}

do_ollama() {
    local machine=amd64 url
    [ "$arch" = x86_64 ] || machine=arm64
    url=https://github.com/ollama/ollama/releases/download/v$OLLAMA_VERSION
    already id ollama ||
        run useradd --system --home-dir /var/lib/ollama --create-home --shell /usr/sbin/nologin ollama
    if ! already has ollama || already test -e "$OLLAMA_ARCHIVE"; then
        download "$url/ollama-linux-$machine.tar.zst" "$url/sha256sum.txt" "$OLLAMA_ARCHIVE"
        run tar -C /usr/local --zstd -xf "$OLLAMA_ARCHIVE"
        run rm -f "$OLLAMA_ARCHIVE"
    fi
    write 0644 root:root /etc/email-agent/ollama.env <"$root/config/ollama.env"
    write 0644 root:root /etc/systemd/system/ollama.service <"$root/config/systemd/ollama.service"
    unit daemon-reload
    unit enable --now ollama
}

done_model() { OLLAMA_HOST=127.0.0.1:11434 ollama list 2>/dev/null </dev/null | awk '{print $1}' | grep -qxF "$model"; }

do_model() { # some 4 GB; a pull that was cut off goes on where it stopped
    run env OLLAMA_HOST=127.0.0.1:11434 ollama pull "$model"
}
