#!/usr/bin/env bash
# Installs wheels that came in parts, on a machine without network; bench/gpu/wheels.py puts a copy
# of this file and of files.tsv into every part.
#
#   bash part_001/install.sh STORE SITE     for each part, as it arrives; the last one installs
#
# STORE collects the files, SITE becomes a folder for PYTHONPATH. PYTHON names the interpreter
# (python3). Exit code 0: installed; 3: parts are still missing, each named; 1: something is wrong.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: bash $0 STORE SITE" >&2; exit 1; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
store=$1 site=$2
list=$here/files.tsv
mkdir -p "$store"

sum() { sha256sum "$1" | cut -d ' ' -f 1; }

# files.tsv: part, file, sha256 of the file, wheel, sha256 of the wheel.
missing=()
while IFS=$'\t' read -r part file digest wheel _; do
  if [ -f "$here/$file" ] && ! [ -f "$store/$file" ]; then
    cp "$here/$file" "$store/.$file.partial" && mv "$store/.$file.partial" "$store/$file"
    if [ "$(sum "$store/$file")" != "$digest" ]; then
      rm "$store/$file"
      echo "$here/$file is damaged (its sha256 is not $digest): carry $part again" >&2
      exit 1
    fi
  fi
  [ -f "$store/$file" ] || [ -f "$store/$wheel" ] || missing+=("$part")
done < "$list"
if [ ${#missing[@]} -gt 0 ]; then
  echo "missing: $(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')"
  exit 3
fi

# Wheels that were cut are put together again, once.
while IFS=$'\t' read -r _ file _ wheel digest; do
  if [ "$file" != "$wheel" ] && ! [ -f "$store/$wheel" ]; then
    cat "$store/$wheel".piece_* > "$store/.$wheel.partial"
    if [ "$(sum "$store/.$wheel.partial")" != "$digest" ]; then
      echo "$wheel, put together, has another sha256 than $digest: empty $store, carry all" >&2
      exit 1
    fi
    mv "$store/.$wheel.partial" "$store/$wheel"
    rm "$store/$wheel".piece_*
  fi
done < "$list"

# What has no wheel comes as source and is built here, with a C compiler and Python's headers.
wheels=() sources=()
while read -r file; do
  case $file in *.whl) wheels+=("$store/$file") ;; *) sources+=("$store/$file") ;; esac
done < <(cut -f 4 "$list" | sort -u)
add() {
  "${PYTHON:-python3}" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir \
    --disable-pip-version-check --no-build-isolation --upgrade --target "$site" "$@"
}
if [ ${#wheels[@]} -gt 0 ]; then add "${wheels[@]}"; fi
if [ ${#sources[@]} -gt 0 ]; then PYTHONPATH=$site add "${sources[@]}"; fi
# Dozens of processes would otherwise compile the same modules at the same time.
"${PYTHON:-python3}" -m compileall -q -j 0 "$site" >&2 || true
echo "$((${#wheels[@]} + ${#sources[@]})) packages are in $site: export PYTHONPATH=$site"
