#!/bin/sh
# Run by Velero in each MongoDB pod before it is saved. The primary leaves a dump of all
# databases in its /dump; the others empty theirs, so that a backup holds one copy.
# Passwords reach the tools by pipe and environment, never by arguments.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings"
work=$(mktemp -d)
part=
trap 'rm -rf "$work" ${part:+"$part"}' EXIT
trap 'exit 1' HUP INT TERM

fail() {
  echo "No dump: $1" >&2
  exit 1
}

# Prints "primary HOST,HOST,…", "member PRIMARY" or "nobody"; an election may take seconds.
look='
const tries = Number(process.env.DUMP_ATTEMPTS || 30);
let state = db.hello();
for (let tried = 1; !state.primary && tried < tries; tried += 1) {
  sleep(1000);
  state = db.hello();
}
if (!state.primary) {
  print("nobody");
} else if (!state.isWritablePrimary) {
  print("member " + state.primary);
} else {
  const { MONGO_INITDB_ROOT_USERNAME: user, MONGO_INITDB_ROOT_PASSWORD: pwd } = process.env;
  db.getSiblingDB("admin").auth(user, pwd);
  print("primary " + rs.conf().members.map((member) => member.host).join(","));
}'
said=$(mongosh --quiet --norc --eval "$look" 2>"$work/log") ||
  fail "this member does not answer: $(tail -n 1 "$work/log")"

# First of all: what an earlier run left must not pass for today's.
rm -rf "$dump"/latest "$dump"/.part.*
case $said in
  "primary "*) members=${said#primary } ;;
  "member "*)
    echo "The primary ${said#member } dumps; nothing to save here."
    exit 0
    ;;
  *) fail "the replica set has no primary. See its members' state, then back up again." ;;
esac

part=$(mktemp -d "$dump/.part.XXXXXX")
printf "password: '%s'\n" "$(printf %s "$MONGO_INITDB_ROOT_PASSWORD" | sed "s/'/''/g")" |
  timeout "$timeout" mongodump --config=/dev/stdin --host=localhost --port=27017 \
    --username="$MONGO_INITDB_ROOT_USERNAME" --authenticationDatabase=admin \
    --oplog --gzip --archive="$part/archive.gz" 2>"$work/log" ||
  fail "mongodump failed or took longer than $timeout: $(tail -n 3 "$work/log")"

# The set may have been scaled since its install: a restore needs today's members.
printf %s "$members" >"$part/members"
(cd "$part" && sha256sum archive.gz members >sha256)
# One rename: there is a whole dump or none.
mv "$part" "$dump/latest"
size=$(wc -c <"$dump/latest/archive.gz")
count=$(sed -n 's/.*done dumping .*(\([0-9][0-9]*\) document.*/\1/p' "$work/log" |
  awk '{ sum += $1 } END { print sum + 0 }')
echo "Dumped $count documents into $size bytes; members $members."
