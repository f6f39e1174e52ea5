"""dump.sh and restore.sh, run by a real shell; only MongoDB's own programs are played."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

FILES = Path(__file__).parents[2] / "charts" / "parse-server" / "files"
NODE = shutil.which("node")
PASSWORD = 'it\'s: "root" #1'
KEYFILE = "abcd\nEFGH+/==\n"
SERVICE = "parse-mongodb"
HOSTS = [f"{SERVICE}-{i}.{SERVICE}:27017" for i in range(5)]

pytestmark = pytest.mark.skipif(NODE is None, reason="no Node.js to run the scripts with")

# What the programs share is one folder: set.json, the documents, and what they were called with.
MONGOSH = """#!/usr/bin/env node
const fs = require("fs");
const world = (name) => `${process.env.WORLD}/${name}`;
const set = JSON.parse(fs.readFileSync(world("set.json")));
const save = () => fs.writeFileSync(world("set.json"), JSON.stringify(set));
fs.appendFileSync(world("argv"), process.argv.slice(2).join("\\n") + "\\n");
if (set.down) {
  console.error("MongoNetworkError: connect ECONNREFUSED 127.0.0.1:27017");
  process.exit(1);
}
globalThis.print = (text) => console.log(text);
globalThis.sleep = () => { if (set.elected) set.primary = set.elected; };
const logIn = (user, password) => {
  if (set.passwords[user] !== password) throw new Error(`AuthenticationFailed for ${user}`);
};
const hello = () => ({
  primary: set.primary,
  isWritablePrimary: set.primary === set.self,
  setName: set.members.length ? "rs0" : undefined,
});
globalThis.db = { hello, getSiblingDB: () => ({ auth: logIn }) };
globalThis.rs = { conf: () => ({ members: set.members.map((host) => ({ host })) }) };
globalThis.connect = (uri) => {
  const [, user, password, hosts] = /^mongodb:\\/\\/(?:(\\w+):([^@]*)@)?([^/]*)\\//.exec(uri);
  if (user) logIn(user, decodeURIComponent(password));
  fs.appendFileSync(world("asked"), hosts + "\\n");
  return {
    hello: () => (uri.includes("replicaSet=") ? { isWritablePrimary: true } : hello()),
    adminCommand: ({ replSetInitiate }) => {
      set.members = replSetInitiate.members.map(({ host }) => host);
      save();
    },
    getUser: () => ({}),
    getMongo: () => ({ close: () => {} }),
    getSiblingDB: () => ({ restored: {
      findOne: () => set.note,
      updateOne: (which, change) => { set.note = change.$set; save(); },
    } }),
  };
};
const [how, what] = process.argv.slice(-2);
try {
  if (how === "--eval") (0, eval)(what);
  else require(what);
} catch (error) {
  console.error(`MongoServerError: ${error.message}`);
  process.exit(1);
}
"""
MONGODUMP = """#!/bin/sh
printf '%s\\n' "mongodump" "$@" >>"$WORLD/argv"
cat >"$WORLD/dump-config"
for word; do case $word in --archive=*) archive=${word#*=} ;; esac; done
printf half >"$archive"
[ ! -e "$WORLD/trouble" ] || { cat "$WORLD/trouble" >&2; exit 1; }
cp "$WORLD/documents" "$archive"
printf 'T\\tdone dumping parse.Score (%s documents)\\n' "$(wc -l <"$archive")" >&2
"""
MONGORESTORE = """#!/bin/sh
printf '%s\\n' "mongorestore" "$@" >>"$WORLD/argv"
cat >"$WORLD/restore-config"
echo once >>"$WORLD/restores"
for word; do case $word in --archive=*) archive=${word#*=} ;; esac; done
[ ! -e "$WORLD/trouble" ] || { cat "$WORLD/trouble" >&2; exit 1; }
cp "$archive" "$WORLD/documents"
refused=$(cat "$WORLD/refused" 2>/dev/null || echo 0)
n=$(wc -l <"$archive")
printf 'T\\t%s document(s) restored successfully. %s document(s) failed to restore.\\n' \\
  "$n" "$refused" >&2
"""


class Pod:
    """One MongoDB pod: its scripts, its dump volume, and the programs of its image."""

    def __init__(self, folder: Path) -> None:
        self.world, self.dump = folder / "world", folder / "dump"
        self._scripts, programs = folder / "scripts", folder / "bin"
        for made in (self.world, self.dump, programs, folder / "tmp"):
            made.mkdir(parents=True)
        shutil.copytree(FILES, self._scripts)
        (folder / "keyfile").write_text(KEYFILE)
        (self._scripts / "settings").write_text(
            f"service={SERVICE}\ntimeout=20s\ndump={self.dump}\nkeyfile={folder}/keyfile\n"
        )
        for name, text in {
            "mongosh": MONGOSH, "mongodump": MONGODUMP, "mongorestore": MONGORESTORE,
        }.items():  # fmt: skip
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self._environment = {
            "PATH": f"{programs}:{Path(str(NODE)).parent}:/usr/bin:/bin",
            "WORLD": str(self.world),
            "TMPDIR": str(folder / "tmp"),
            "MONGO_INITDB_ROOT_USERNAME": "root",
            "MONGO_INITDB_ROOT_PASSWORD": PASSWORD,
            "MONGODB_REPLICA_SET": "rs0",
            "DUMP_ATTEMPTS": "3",
            "INIT_ATTEMPTS": "3",
        }
        self.folder = folder
        self.documents("a", "b", "c")
        self.set()

    def set(self, /, **state: Any) -> None:
        """Say how the replica set is; by default this pod is the primary of five."""
        passwords = {"root": PASSWORD, "__system": "".join(KEYFILE.split())}
        whole = {"self": HOSTS[0], "primary": HOSTS[0], "members": HOSTS, "passwords": passwords}
        (self.world / "set.json").write_text(json.dumps({**whole, **state}))

    def documents(self, *lines: str) -> None:
        (self.world / "documents").write_text("".join(f"{line}\n" for line in lines))

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(self._scripts / script)],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def read(self, name: str) -> str:
        path = self.world / name
        return path.read_text() if path.exists() else ""

    @property
    def holds(self) -> list[str]:
        """What lies in the dump volume."""
        return sorted(str(p.relative_to(self.dump)) for p in self.dump.rglob("*") if p.is_file())


WHOLE = ["latest/archive.gz", "latest/members", "latest/sha256"]
NOTHING: dict[str, Any] = {"members": [], "primary": None}


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


def dumped(pod: Pod) -> Pod:
    """Dump, then lose everything but the dump, as in a restored namespace."""
    done = pod.run("dump.sh")
    assert done.returncode == 0, done.stderr
    pod.set(**NOTHING)
    pod.documents()
    return pod


# --- before a backup -----------------------------------------------------------------------


def test_the_primary_leaves_a_whole_dump_and_its_members(pod: Pod) -> None:
    done = pod.run("dump.sh")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Dumped 3 documents into 6 bytes; members parse-mongodb-0.")
    assert pod.holds == WHOLE
    assert (pod.dump / "latest" / "members").read_text() == ",".join(HOSTS)
    words = pod.read("argv").splitlines()
    assert {"--oplog", "--gzip", "--config=/dev/stdin"} <= set(words)


def test_any_other_member_empties_its_volume(pod: Pod) -> None:
    pod.run("dump.sh")
    pod.set(self=HOSTS[1])
    done = pod.run("dump.sh")
    assert done.returncode == 0
    assert HOSTS[0] in done.stdout
    assert pod.holds == []


def test_an_election_is_waited_for(pod: Pod) -> None:
    pod.set(primary=None, elected=HOSTS[0])
    assert pod.run("dump.sh").returncode == 0
    assert pod.holds == WHOLE


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"primary": None}, "No dump: the replica set has no primary."),
        ({"down": True}, "No dump: this member does not answer: MongoNetworkError"),
        ({"passwords": {}}, "AuthenticationFailed"),
    ],
    ids=["no primary", "down", "password"],
)
def test_who_cannot_dump_fails_with_a_sentence(pod: Pod, state: Any, said: str) -> None:
    pod.set(**state)
    done = pod.run("dump.sh")
    assert done.returncode == 1
    assert said in done.stderr
    assert pod.holds == []


def test_a_dump_that_breaks_off_leaves_neither_a_half_nor_an_old_one(pod: Pod) -> None:
    pod.run("dump.sh")
    (pod.world / "trouble").write_text("Failed: connection lost\n")
    done = pod.run("dump.sh")
    assert done.returncode == 1
    assert "mongodump failed" in done.stderr
    assert "connection lost" in done.stderr
    assert list(pod.dump.iterdir()) == []


# --- after a restore -----------------------------------------------------------------------


def test_a_pod_without_a_dump_has_nothing_to_do(pod: Pod) -> None:
    done = pod.run("restore.sh")
    assert done.returncode == 0
    assert "brought no dump" in done.stdout
    assert pod.read("argv") == ""


def test_a_new_set_is_made_of_the_members_at_the_time_of_the_dump(pod: Pod) -> None:
    done = dumped(pod).run("restore.sh")
    assert done.returncode == 0, done.stderr
    assert "Restored 3 documents" in done.stdout
    assert pod.read("documents") == "a\nb\nc\n"
    state = json.loads(pod.read("set.json"))
    assert state["members"] == HOSTS
    words = pod.read("argv").splitlines()
    assert {"--drop", "--oplogReplay", "--gzip", f"--host=rs0/{','.join(HOSTS)}"} <= set(words)


def test_restoring_twice_changes_what_came_after_in_nothing(pod: Pod) -> None:
    dumped(pod).run("restore.sh")
    pod.documents("a", "b", "c", "newer")
    done = pod.run("restore.sh")
    assert done.returncode == 0
    assert "holds this dump already" in done.stdout
    assert pod.read("documents").endswith("newer\n")
    assert pod.read("restores") == "once\n"


def test_another_dump_is_played_into_a_set_that_exists(pod: Pod) -> None:
    dumped(pod).run("restore.sh")
    pod.set(note={"dump": "0" * 64})
    done = pod.run("restore.sh")
    assert done.returncode == 0
    assert pod.read("restores") == "once\nonce\n"


def test_a_damaged_dump_drops_nothing(pod: Pod) -> None:
    dumped(pod)
    (pod.dump / "latest" / "archive.gz").write_text("hal")
    done = pod.run("restore.sh")
    assert done.returncode == 1
    assert "is not the one that was saved" in done.stderr
    assert pod.read("restores") == ""


@pytest.mark.parametrize(
    "host",
    [
        "parse-mongodb-0.parse-mongodb.parse.svc:27017",
        "parse-mongodb.parse:27017",
        "10.0.0.7:27017",
        "other-0.other:27017",
        "parse-mongodb-0.parse-mongodb:27017/x",
    ],
)
def test_it_never_talks_to_members_elsewhere(pod: Pod, host: str) -> None:
    pod.set(members=[*HOSTS[:2], host])
    done = dumped(pod).run("restore.sh")
    assert done.returncode == 1
    assert f"member {host} is none of" in done.stderr
    assert pod.read("asked") == ""
    assert pod.read("restores") == ""


def test_a_failed_restore_can_be_run_again(pod: Pod) -> None:
    trouble = dumped(pod).world / "trouble"
    trouble.write_text("Failed: no reachable servers\n")
    done = pod.run("restore.sh")
    assert done.returncode == 1
    assert "no reachable servers" in done.stderr
    trouble.unlink()
    assert pod.run("restore.sh").returncode == 0
    assert pod.read("restores") == "once\nonce\n"


def test_refused_documents_are_a_failure(pod: Pod) -> None:
    (dumped(pod).world / "refused").write_text("2")
    done = pod.run("restore.sh")
    assert done.returncode == 1
    assert "2 of the documents were refused" in done.stderr
    assert "note" not in json.loads(pod.read("set.json"))


def test_a_set_that_does_not_come_up_is_said(pod: Pod) -> None:
    dumped(pod).set(**NOTHING, down=True)
    done = pod.run("restore.sh")
    assert done.returncode == 1
    assert "the replica set does not come up" in done.stderr


# --- both ----------------------------------------------------------------------------------


def test_passwords_reach_the_tools_as_they_are_and_show_nowhere(pod: Pod) -> None:
    outputs = [dumped(pod).run("restore.sh"), pod.run("dump.sh")]
    assert yaml.safe_load(pod.read("dump-config")) == {"password": PASSWORD}
    assert yaml.safe_load(pod.read("restore-config")) == {"password": "abcdEFGH+/=="}
    seen = pod.read("argv") + "".join(done.stdout + done.stderr for done in outputs)
    left = "".join(p.read_text() for p in pod.dump.rglob("*") if p.is_file())
    for secret in (PASSWORD, 'root" #1', "EFGH"):
        assert secret not in seen + left
    assert list((pod.folder / "tmp").iterdir()) == []


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("script", ["dump.sh", "restore.sh"])
def test_scripts_parse(shell: str, script: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    done = subprocess.run(
        [shell, "-n", str(FILES / script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
