#!/bin/sh
# Installs what the development cluster needs (Debian, Ubuntu); does nothing where it is all there.
set -eu

PACKAGES="slurmctld slurmd slurm-client munge iproute2 slurmdbd slurm-wlm-mysql-plugin mariadb-server-core"

missing=
for package in $PACKAGES; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "install.sh: there is no apt-get here; install by other means, named as in Debian:$missing" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    root="sudo -n"
else
    echo "install.sh: not root, and sudo asks for a password; have an administrator run" >&2
    echo "  RUNLEVEL=1 apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

# RUNLEVEL=1 keeps the packages from starting services of their own: the cluster uses none.
install="$root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends$missing"
$install || { $root apt-get update --quiet && $install; }
