#!/usr/bin/env bash
# The first process of a machine in namespaces of its own: what it writes to /etc, /var and /opt stays in its folder $1.
# It lives until it is killed, and all processes of the machine die with it.
set -eu
for folder in etc var opt; do
    mkdir -p "$1/$folder/upper" "$1/$folder/work"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$1/$folder/upper,workdir=$1/$folder/work" "/$folder"
done
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/systemd/journal /opt/cni /var/lib/faasd-provider
ln -sfn /usr/lib/cni /opt/cni/bin # where faasd looks
ip link set lo up
touch "$1/is-up"
while :; do # a shell also buries the orphans of containerd's shims
    sleep 3600 &
    wait $! || :
done
