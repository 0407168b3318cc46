# shellcheck shell=bash
# What the outside sees: nginx on 80 and 443, and nothing else.

SITE=/etc/nginx/sites-available/email-agent
INSIDE_PORTS=5432,8080,8081,8082,9090,11434

done_nginx() {
    same "$root/config/nginx.conf" "$SITE" && [ -s "$CONFIG/tls/cert.pem" ] && [ -e /etc/nginx/sites-enabled/email-agent ] &&
        [ "$(curl -sSk --max-time 5 -o /dev/null -w '%{http_code}' https://127.0.0.1/ 2>/dev/null)" = 404 ]
}

do_nginx() { # a certificate of one's own making, until there is a name for certbot (the guide says how)
    run install -d -m 0750 -o root -g root "$CONFIG/tls"
    if ! already test -s "$CONFIG/tls/cert.pem"; then
        run openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 -subj "/CN=email-agent" \
            -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -keyout "$CONFIG/tls/key.pem" -out "$CONFIG/tls/cert.pem"
        run chmod 0600 "$CONFIG/tls/key.pem"
    fi
    write 0644 root:root "$SITE" <"$root/config/nginx.conf"
    run ln -sfn "$SITE" /etc/nginx/sites-enabled/email-agent
    run rm -f /etc/nginx/sites-enabled/default
    run nginx -t
    if [ "$dry_run" = yes ] || has_systemd; then
        run systemctl enable nginx
        run systemctl reload-or-restart nginx
    elif ! nginx -s reload >>"$log" 2>&1 9>&-; then
        run nginx
    fi
}

tables() { # iptables, and ip6tables where the kernel has IPv6
    printf 'iptables\n'
    if [ "$dry_run" = yes ] || [ -e /proc/net/if_inet6 ]; then printf 'ip6tables\n'; fi
}

GUARD="! -i $BRIDGE -o $BRIDGE -m conntrack --ctstate NEW -j DROP" # a neighbour may route to the functions' network
SAVED=/etc/iptables # where netfilter-persistent keeps what is loaded after a reboot

saved_rules() { # TABLE
    case $1 in ip6tables) printf '%s/rules.v6' "$SAVED" ;; *) printf '%s/rules.v4' "$SAVED" ;; esac
}

done_firewall() { # at work, and saved: else a cut before the end leaves the ports open after a reboot
    local table
    for table in $(tables); do
        [ "$("$table" -S INPUT 2>/dev/null | grep '^-A' | head -n 1)" = "-A INPUT -j EMAIL-AGENT" ] &&
            [ "$("$table" -S EMAIL-AGENT | wc -l)" -eq 5 ] &&
            same <("$table" -S EMAIL-AGENT | grep '^-A') <(grep '^-A EMAIL-AGENT' "$(saved_rules "$table")" 2>/dev/null) &&
            grep -qxF -- '-A INPUT -j EMAIL-AGENT' "$(saved_rules "$table")" &&
            "$table" -S FORWARD | grep -qxF -- "-A FORWARD $GUARD" &&
            grep -qxF -- "-A FORWARD $GUARD" "$(saved_rules "$table")" || return 1
    done
}

do_firewall() { # a chain of our own before everything else: what was there stays as it is
    local table
    for table in $(tables); do
        shell "$table -N EMAIL-AGENT 2>/dev/null || $table -F EMAIL-AGENT"
        run "$table" -A EMAIL-AGENT -i lo -j ACCEPT
        run "$table" -A EMAIL-AGENT -i "$BRIDGE" -p tcp -m multiport --dports 5432,8081,11434 -j ACCEPT
        run "$table" -A EMAIL-AGENT -p tcp -m multiport --dports "$INSIDE_PORTS" -j DROP
        run "$table" -A EMAIL-AGENT -p tcp -m multiport --dports 80,443 -j ACCEPT
        shell "$table -D INPUT -j EMAIL-AGENT 2>/dev/null || true"
        run "$table" -I INPUT 1 -j EMAIL-AGENT
        shell "$table -D FORWARD $GUARD 2>/dev/null || true"
        shell "$table -I FORWARD 1 $GUARD"
    done
    unit enable netfilter-persistent
    run netfilter-persistent save
}
