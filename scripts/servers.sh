#!/usr/bin/env bash
# Prepare the database servers that the tests start and no Python package brings: MariaDB from the system's packages, and
# MySQL in .venv/mysql, unpacked from Debian's newest packages. Quick when they are there. What can't be had is said
# loudly and fails no run here: the tests do, when they require it.
set -euo pipefail
cd "$(dirname "$0")/.."
mysql=.venv/mysql reason=.venv/mysql.failed log=.venv/servers.log
mariadb_packages=(mariadb-server-core mariadb-client)
mysql_packages=(mysql-server-core mysql-client-core)
PATH=$PATH:/usr/sbin

say() { echo "memu: $*"; }
loud() { printf '\n*** memu: %s\n\n' "$*" >&2; }

install_mariadb() {
  local install=(apt-get install --no-install-recommends "${mariadb_packages[@]}")
  if [ -z "$may_install" ]; then
    loud "MariaDB is not installed, and its tests need it. On Debian, as root: ${install[*]}"
    return
  fi
  say "installing MariaDB (some 100 MB; once)"
  if ! DEBIAN_FRONTEND=noninteractive "${install[@]}" -qy >>"$log" 2>&1; then
    loud "MariaDB could not be installed: $(grep '^E:' "$log" | tail -n 3). The whole output is in $log"
  fi
}

# Unpack MySQL and all that it needs, its own libc too, beside the system and without changing its packages.
unpack_mysql() (
  draft=$mysql.draft state=$(mktemp -d)
  trap 'rm -rf "$state" "$draft"' EXIT
  mkdir -p "$state"/{lists/partial,cache/archives/partial,none}
  : >"$state/status"
  origin=$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' 'Created-By: Packages' | awk '$2 == "Debian" { print $1; exit }')
  [ -n "$origin" ] || { echo "E: this system has no Debian package source (is apt-get update missing?)"; exit 1; }
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $origin sid main" >"$state/sources.list"
  options=(-o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts="$state/none"
    -o Dir::Etc::preferencesparts="$state/none" -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status"
    -o Dir::Cache="$state/cache" -o APT::Install-Recommends=0 -o APT::Sandbox::User= -o Acquire::http::Timeout=30)
  apt-get "${options[@]}" -q update || exit
  apt-get "${options[@]}" -qyd install "${mysql_packages[@]}" || exit
  for package in "$state"/cache/archives/*.deb; do dpkg-deb -x "$package" "$draft" || exit; done
  find "$draft/usr/bin" ! -type d ! -name mysql ! -name mysqldump -delete
  rm -rf "$draft/etc" "$draft"/usr/share/{doc,man,perl,locale,lintian,gdb} "$draft"/usr/lib/*/{perl,perl-base,gconv}
  rm -rf "$mysql"
  mv "$draft" "$mysql"
)

install_mysql() {
  if ! command -v apt-get >/dev/null; then
    loud "MySQL's tests are left out: its server is unpacked on Debian only"
    echo "its server is unpacked on Debian only" >"$reason"
    return
  fi
  say "unpacking MySQL into $mysql (some 60 MB; once)"
  local start
  start=$(wc -c <"$log")
  if unpack_mysql >>"$log" 2>&1; then
    rm -f "$reason"
  else
    tail -c "+$((start + 1))" "$log" | grep -E '^(E|dpkg-deb):' | tail -n 3 >"$reason" || echo "see $log" >"$reason"
    loud "MySQL could not be fetched, so its tests are left out: $(cat "$reason") The whole output is in $log"
  fi
}

missing=
for program in mariadbd mariadb mariadb-dump mariadb-install-db; do command -v "$program" >/dev/null || missing=1; done
[ -d "$mysql" ] && [ -z "$missing" ] && exit
: >"$log"
may_install=
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  may_install=1
  apt-get -q update >>"$log" 2>&1 || true # what is wrong shows at the install
fi
[ -z "$missing" ] || install_mariadb
[ -d "$mysql" ] || install_mysql
say "the tests' servers are prepared after $SECONDS s"
