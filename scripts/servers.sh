#!/usr/bin/env bash
# Lays several Redis and Valkey servers, as Debian builds them, side by side under one folder, each run by its own
# suite's dynamic loader and libraries. Nothing is installed and no root is needed: apt gets lists, cache and status
# folders of its own, and the packages are only unpacked.
#
#   servers.sh [ROOT] [ID...]    ROOT: .servers by default; IDs: every one of the table by default
#   ROOT/ID/bin/{server,cli,sentinel,benchmark}   what to run (also under its real name, e.g. valkey-server)
#   ROOT/ID/VERSION                               what was got, e.g. "valkey 8.1.1"
#   REFRESH=1                                     fetches again what is there already
#   SERVER_PRELOAD=x.so  (when running bin/server) preloads a shim into the server alone, not into the shell
#
# The mirror is whatever this machine's apt sources already name. A suite that the mirror lacks is reported and passed
# over; the exit status is then 1, and the other servers are still usable.
set -euo pipefail

# id, suite, name of the server. server-ids.mjs has the same ids.
TABLE='
redis-7.0   bookworm            redis
valkey-8.0  bookworm-backports  valkey
redis-8.0   trixie              redis
valkey-8.1  trixie              valkey
redis-sid   sid                 redis
valkey-sid  sid                 valkey
'
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

fail() { echo "$*" >&2; exit 1; }

for tool in apt-get apt-cache dpkg; do
  command -v "$tool" >/dev/null || fail "servers.sh needs Debian or a system like it: there is no $tool here"
done
[ -e "$KEYRING" ] || fail "servers.sh needs Debian's archive keyring ($KEYRING)"

ROOT=${1:-.servers}
shift || true
mkdir -p "$ROOT"
ROOT=$(cd "$ROOT" && pwd)
ARCH=$(dpkg --print-architecture)
CODENAME=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")

# uri_of RELEASE: where this machine's apt gets that release from
uri_of() {
  apt-get --no-release-info indextargets --format '$(CREATED_BY)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' |
    awk -F'|' -v release="$1" '$1 == "Packages" && $3 == release && $4 == "main" { print $2; exit }'
}
MIRROR=$(uri_of "$CODENAME")
SECURITY=$(uri_of "$CODENAME-security")
[ -n "$MIRROR" ] || fail "no Debian mirror for '$CODENAME' among this machine's apt sources"

# apt_in SUITE COMMAND ARGS...: an apt client that sees that suite alone
apt_in() {
  local state=$ROOT/.apt/$1 command=$2
  shift 2
  "$command" -q -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::State="$state/state" -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status" \
    -o Dir::Cache="$state/cache" -o APT::Architectures="$ARCH" -o APT::Sandbox::User="$(id -un)" \
    -o APT::Update::Post-Invoke::= -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

# sources_of SUITE: the lines of its sources.list
sources_of() {
  local suite=$1 options="[arch=$ARCH signed-by=$KEYRING]"
  case $suite in
    *-backports) printf 'deb %s %s %s main\n' "$options" "$MIRROR" "${suite%-backports}" "$options" "$MIRROR" "$suite" ;;
    sid) printf 'deb %s %s %s main\n' "$options" "$MIRROR" "$suite" ;;
    *)
      printf 'deb %s %s %s main\n' "$options" "$MIRROR" "$suite"
      [ -z "$SECURITY" ] || printf 'deb %s %s %s-security main\n' "$options" "$SECURITY" "$suite"
      ;;
  esac
}

# suite_ready SUITE: fetches the suite's package lists, once a run
suite_ready() {
  local suite=$1 state=$ROOT/.apt/$1
  [ ! -e "$state/ready" ] || return 0
  mkdir -p "$state"/{lists/partial,cache/archives/partial,state}
  : >"$state/status"
  sources_of "$suite" >"$state/sources.list"
  apt_in "$suite" apt-get update >"$state/update.log" 2>&1 || return 1
  ! grep -qE '^(E|Err):?' "$state/update.log" || return 1
  touch "$state/ready"
}

# download SUITE NAME FOLDER: the server's packages, and every lib* package in their dependency closure
download() {
  local suite=$1 name=$2 folder=$3 wanted libraries
  wanted=("$name-server" "$name-tools")
  libraries=$(apt_in "$suite" apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances "${wanted[@]}" | grep -xE 'lib[a-z0-9.+-]+' | sort -u)
  case $suite in *-backports) wanted=("$name-server/$suite" "$name-tools/$suite") ;; esac
  # Package names hold no spaces: the list is split on purpose.
  # shellcheck disable=SC2086
  (cd "$folder" && apt_in "$suite" apt-get download "${wanted[@]}" $libraries)
}

# take NAME ROOTFS FOLDER: of what was unpacked, the loader, the programs and just the libraries that these load
take() {
  local name=$1 rootfs=$2 folder=$3 libc triplet path loader program file library
  libc=$(find "$rootfs" -name libc.so.6 | head -1)
  triplet=$(basename "$(dirname "$libc")")
  path=$rootfs/lib/$triplet:$(dirname "$libc"):$rootfs/usr/lib/$triplet
  loader=$(find "$rootfs" -name 'ld-linux*.so.*' -not -type d | head -1)
  cp -L "$loader" "$folder/lib/"
  for program in server cli benchmark; do
    file=$rootfs/usr/bin/$name-$program
    [ -e "$file" ] || continue
    cp -L "$file" "$folder/lib/$name-$program"
    "$loader" --library-path "$path" --list "$file" | awk '$2 == "=>" { print $3 }' | while read -r library; do
      cp -Ln "$library" "$folder/lib/"
    done
    wrapper "$name-$program" "$(basename "$loader")" "$name-$program" >"$folder/bin/$name-$program"
  done
  wrapper "$name-server" "$(basename "$loader")" "$name-sentinel" --sentinel >"$folder/bin/$name-sentinel"
  chmod +x "$folder"/bin/*
  for file in "$folder/bin/$name"-*; do ln -s "$(basename "$file")" "$folder/bin/${file##*-}"; done
}

# wrapper PROGRAM LOADER ARGV0 [ARG]: a script that becomes the program, so that its process id is the server's
wrapper() {
  cat <<SCRIPT
#!/bin/sh
d=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
exec "\$d/lib/$2" --library-path "\$d/lib" \${SERVER_PRELOAD:+--preload "\$SERVER_PRELOAD"} --argv0 $3 "\$d/lib/$1" "\$@" ${4:-}
SCRIPT
}

# get ID SUITE NAME
get() {
  local id=$1 suite=$2 name=$3 folder=$ROOT/$1 work=$ROOT/.tmp-$1 package
  if [ -e "$folder/VERSION" ] && [ -z "${REFRESH:-}" ]; then
    echo "$id: $(cat "$folder/VERSION") (kept)"
    return
  fi
  echo "$id: fetching from Debian $suite"
  suite_ready "$suite" || { echo "$id: the mirror gives no usable $suite" >&2; return 1; }
  rm -rf "$work" "$folder"
  mkdir -p "$work/deb" "$work/root" "$folder/bin" "$folder/lib"
  download "$suite" "$name" "$work/deb" >"$work/log" 2>&1 || { tail -3 "$work/log" >&2; return 1; }
  for package in "$work"/deb/*.deb; do dpkg -x "$package" "$work/root"; done
  take "$name" "$work/root" "$folder" || return 1
  "$folder/bin/server" --version | sed -E "s/.* v=([0-9.]+).*/$name \1/" >"$work/VERSION" || return 1
  mv "$work/VERSION" "$folder/VERSION"
  rm -rf "$work"
  echo "$id: $(cat "$folder/VERSION")"
}

# Lists of an earlier run may name packages that the mirror no longer has.
rm -rf "$ROOT/.apt"
status=0
while read -r id suite name <&3; do
  [ -n "$id" ] || continue
  [ $# -eq 0 ] || [[ " $* " == *" $id "* ]] || continue
  get "$id" "$suite" "$name" || status=1
done 3<<<"$TABLE"
rm -rf "$ROOT/.apt"
exit $status
