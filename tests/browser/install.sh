#!/bin/sh
# Installs Chromium for the browser tests (Debian, Ubuntu); does nothing where there is a browser.
set -eu

[ -z "${REPRISE_CHROMIUM:-}" ] || exit 0
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then
        exit 0
    fi
done

if ! command -v apt-get >/dev/null; then
    echo "install.sh: there is no apt-get here; install Chromium by other means, or name one in REPRISE_CHROMIUM" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    root="sudo -n"
else
    echo "install.sh: not root, and sudo asks for a password; have an administrator run" >&2
    echo "  apt-get install --no-install-recommends chromium" >&2
    exit 1
fi

install="$root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends chromium"
$install || { $root apt-get update --quiet && $install; }
