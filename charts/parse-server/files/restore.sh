#!/bin/sh
# Run by Velero in each restored MongoDB pod once it is ready. Where the backup brought a dump,
# it makes the replica set if there is none and plays the dump in; a second run does nothing.
# Passwords reach the tools by pipe and environment, never by arguments.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings"
if [ ! -e "$dump/latest" ]; then
  echo "This pod brought no dump; nothing to restore here."
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
  echo "Not restored: $1" >&2
  exit 1
}

# Before anything is dropped: is the dump whole?
cd "$dump/latest"
sha256sum --check --status sha256 2>"$work/log" ||
  fail "the dump in $dump is not the one that was saved. Restore another backup."
id=$(sed -n 's/^\([0-9a-f]*\) .*archive\.gz$/\1/p' sha256)
members=$(cat members)

# Short names only: a copy in another namespace must find itself, never the original.
for host in $(echo "$members" | tr , ' '); do
  echo "$host" | grep -Eqx "$service-[0-9]+\.$service:[0-9]+" ||
    fail "the dump's member $host is none of the StatefulSet $service in this namespace. Restore it by hand with mongorestore."
done

MONGODB_KEYFILE=$(cat "$keyfile")
export MONGODB_KEYFILE MONGODB_HOSTS_FILE="$dump/latest/members" DUMP_ID="$id"
in_set() {
  mongosh --quiet --norc --nodb --file "$here/$1" >"$work/out" 2>"$work/log" ||
    fail "$2: $(cat "$work/out" "$work/log" | tail -n 3)"
}

in_set init-replica-set.js "the replica set does not come up"
in_set restored.js "the replica set does not answer"
if grep -qx "holds $id" "$work/out"; then
  echo "The set holds this dump already; nothing to do."
  exit 0
fi

# The internal user of all members: replaying the oplog needs every right, and users that the
# dump replaces are no matter to it.
printf "password: '%s'\n" "$(printf %s "$MONGODB_KEYFILE" | tr -d '[:space:]')" |
  timeout "$timeout" mongorestore --config=/dev/stdin --host="$MONGODB_REPLICA_SET/$members" \
    --username=__system --authenticationDatabase=local \
    --authenticationMechanism=SCRAM-SHA-256 \
    --drop --oplogReplay --gzip --archive=archive.gz 2>"$work/tool" ||
  fail "mongorestore failed or took longer than $timeout; run it again with: sh $here/restore.sh. $(tail -n 3 "$work/tool")"

# It ends well also when single documents were refused.
sum='\([0-9][0-9]*\) document(s) restored successfully\. \([0-9][0-9]*\) document(s) failed'
counts=$(sed -n "s/.*[^0-9]$sum.*/\1 \2/p;s/^$sum.*/\1 \2/p" "$work/tool" | tail -n 1)
[ -n "$counts" ] || fail "mongorestore did not say how many documents: $(tail -n 3 "$work/tool")"
[ "${counts#* }" = 0 ] || fail "${counts#* } of the documents were refused: $(tail -n 3 "$work/tool")"

export DUMP_RESTORED=1
in_set restored.js "the documents are there, but not the note about it"
echo "Restored ${counts% *} documents; members $members."
