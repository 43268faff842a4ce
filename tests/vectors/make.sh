#!/usr/bin/env bash
# Makes the small set beside this script from full archives: tests/vectors/make.sh FULL_DIR
# Needs GNU tar and zstd. The same input gives the same bytes.
set -euo pipefail
full=${1:?usage: make.sh DIR-WITH-FULL-ARCHIVES}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# How many cases of a handler are kept, spread evenly over its cases in order of their names.
keep() {
  case $1 in
    */ssz_generic/*progressive* | */ssz_generic/compatible_unions | */networking/*) echo 1 ;;
    mainnet/*/ssz_static/BeaconState | mainnet/*/epoch_processing/[b-q]*) echo 0 ;; # large
    mainnet/*) echo 1 ;;
    */random/*) echo 1 ;;
    */ssz_static/*) echo 1 ;;
    */ssz_generic/* | */operations/* | */sanity/*) echo 6 ;;
    *) echo 3 ;;
  esac
}

for archive in "$full"/*.tar.zst; do
  set=$(basename "$archive" .tar.zst)
  mkdir "$work/$set"
  zstd --long=27 -dcq "$full/$set.tar.zst" | tar xf - -C "$work/$set"
  cd "$work/$set"
  # <preset>/<fork>/<runner>/<handler>
  for handler in */*/*/*; do
    mapfile -t cases < <(find "$handler" -mindepth 2 -maxdepth 2 -type d ! -name 'Progressive*' | LC_ALL=C sort)
    count=${#cases[@]} wanted=$(keep "$handler")
    for ((i = 0; i < wanted && i < count; i++)); do
      at=$((count <= wanted ? i : i * (count - 1) / (wanted > 1 ? wanted - 1 : 1)))
      find "${cases[at]}" -type f
    done
  done | LC_ALL=C sort -u >"$work/$set.list"
  tar cf - --format=gnu --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0644 -T "$work/$set.list" |
    zstd -q -f -19 --long=27 -o "$here/$set.tar.zst"
  echo "$set: $(sed 's#/[^/]*$##' "$work/$set.list" | sort -u | wc -l) cases, $(stat -c %s "$here/$set.tar.zst") bytes"
done
