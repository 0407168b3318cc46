# shellcheck shell=bash
# --check: what this machine is like, one line each; touches nothing. A line that ends in a cross names what to do.

MIN_CORES=2 MIN_MEMORY_MB=3500 LLM_MEMORY_MB=11000 MIN_DISK_MB=12000 LLM_DISK_MB=20000
OS_RELEASE=${OS_RELEASE:-/etc/os-release}
failures=0

tick() { # TITLE FOUND
    printf '  ok  %-22s %s\n' "$1" "$2"
}
cross() { # TITLE FOUND HINT
    printf '  --  %-22s %s\n      %-22s %s\n' "$1" "$2" "" "$3"
    failures=$((failures + 1))
}
note() { # TITLE FOUND HINT: worth knowing, stops nothing
    printf '  ?   %-22s %s\n      %-22s %s\n' "$1" "$2" "" "$3"
}

check_machine() {
    failures=0
    say "this machine:"
    check_system
    check_cores
    check_memory
    check_disk
    check_kernel
    check_clock
    check_ports
    check_swap
    check_firewall
    check_parts
    if [ "$failures" -gt 0 ]; then
        say "$failures of these stand in the way."
        return 1
    fi
    say "nothing stands in the way."
}

check_system() {
    local id="" version="" name=unknown
    if [ -r "$OS_RELEASE" ]; then
        # shellcheck source=/dev/null
        id=$(. "$OS_RELEASE" && printf '%s' "${ID:-}") version=$(. "$OS_RELEASE" && printf '%s' "${VERSION_ID:-0}")
        name="$id $version"
    fi
    case $id in
    ubuntu) [ "${version%%.*}" -ge 24 ] && tick system "$name, $(uname -m)" && return ;;
    debian) [ "${version%%.*}" -ge 12 ] && tick system "$name, $(uname -m)" && return ;;
    esac
    cross system "$name, $(uname -m)" "Ubuntu 24.04 or Debian 12 or newer is needed (Python 3.11)"
}

check_cores() {
    local cores
    cores=$(nproc)
    if [ "$cores" -ge "$MIN_CORES" ]; then tick cores "$cores"; return; fi
    cross cores "$cores" "$MIN_CORES are needed, 4 are meant"
}

check_memory() {
    local total wanted=$MIN_MEMORY_MB
    total=$(free -m | awk '/^Mem:/ {print $2}')
    [ "$with_llm" = no ] || wanted=$LLM_MEMORY_MB
    if [ "$total" -ge "$wanted" ]; then tick memory "$total MB"; return; fi
    cross memory "$total MB" "$wanted MB are needed with what was asked for; --without-llm needs $MIN_MEMORY_MB"
}

check_disk() {
    local free wanted=$MIN_DISK_MB
    free=$(df --output=avail -m / | tail -n 1 | tr -d ' ')
    [ "$with_llm" = no ] || wanted=$LLM_DISK_MB
    if [ "$free" -ge "$wanted" ]; then tick disk "$free MB free"; return; fi
    cross disk "$free MB free on /" "$wanted MB are needed"
}

check_swap() {
    local swap
    swap=$(free -m | awk '/^Swap:/ {print $2}')
    if [ "${swap:-0}" -gt 0 ] || [ "$with_llm" = no ]; then tick swap "${swap:-0} MB"; return; fi
    note swap "none" "2 GB help where the model and a big sync meet: fallocate -l 2G /swapfile, mkswap, swapon"
}

check_kernel() {
    local release
    release=$(uname -r)
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then tick kernel "$release, cgroup v2"; return; fi
    note kernel "$release, no cgroup v2" "memory limits of the functions may not hold"
}

check_clock() {
    if ! has timedatectl || ! has_systemd; then
        note clock "cannot be told here" "signatures are good for 300 s: keep the clock right"
    elif [ "$(timedatectl show -p NTPSynchronized --value 2>/dev/null)" = yes ]; then
        tick clock "synchronised"
    else
        cross clock "not synchronised" "timedatectl set-ntp true"
    fi
}

listeners() { # PORT: the programs that listen there
    ss -Hltnp "sport = :$1" 2>/dev/null | sed -nE 's/.*\(\("([^"]+)".*/\1/p' | sort -u | paste -sd ' ' -
}

check_ports() {
    local port owner known taken=""
    for port in 80:nginx 443:nginx 5432:postgres 8080:faasd 8081:faasd 11434:ollama; do
        owner=$(listeners "${port%%:*}")
        known=${port##*:}
        case $owner in "" | *"$known"*) ;; *) taken+="${port%%:*} ($owner) " ;; esac
    done
    if [ -z "$taken" ]; then tick ports "80 443 5432 8080 8081 11434 are free or ours"; return; fi
    cross ports "taken: $taken" "stop what listens there, or use another machine"
}

check_firewall() {
    if ! has iptables; then
        note firewall "no iptables yet" "it is installed with the packages"
    elif iptables -S INPUT 2>/dev/null | grep -q -- '-j REJECT'; then
        note firewall "INPUT ends with REJECT (Oracle's image)" "the step firewall puts our rules before it"
    else
        tick firewall "INPUT has no REJECT"
    fi
}

check_parts() {
    local part
    for part in "postgresql:pg_lsclusters" "containerd:containerd" "faasd:faasd" "faas-cli:faas-cli" "nginx:nginx" "ollama:ollama"; do
        if has "${part##*:}"; then
            tick "${part%%:*}" "installed"
        else
            note "${part%%:*}" "not installed" "this script installs it"
        fi
    done
}
