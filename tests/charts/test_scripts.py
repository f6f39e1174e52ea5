"""The chart's scripts, run by Node.js with mongosh's globals played by a small set."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FILES = Path(__file__).parents[2] / "charts" / "parse-server" / "files"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="no Node.js to run the scripts with")

# A set of servers with just enough behaviour; every change is printed as one line of JSON.
FAKE_MONGOSH = """
const world = JSON.parse(process.env.WORLD);
const log = (event) => process.stdout.write(JSON.stringify(event) + "\\n");
const fail = (codeName) => Object.assign(new Error(codeName), { codeName });
globalThis.print = (text) => log({ print: text });
globalThis.sleep = () => { world.beats = (world.beats || 0) + 1; };
globalThis.connect = (uri) => {
  const [, login, hosts] = /^mongodb:\\/\\/(?:([^@]*)@)?([^/]*)\\//.exec(uri);
  const single = uri.includes("directConnection=true");
  const up = hosts.split(",").filter((h) => (world.up[h] ?? 1e9) <= (world.beats || 0));
  if (single && !up.length) throw fail("HostUnreachable");
  if (login && login !== world.login) throw fail("AuthenticationFailed");
  const open = { hosts };
  return {
    getMongo: () => ({ close: () => {} }),
    hello: () => {
      if (!single && !world.set) throw fail("NoPrimary");
      return { setName: (world.knows || {})[hosts], isWritablePrimary: !single };
    },
    adminCommand: (command) => {
      log({ initiate: command.replSetInitiate, at: open.hosts });
      if (world.refuse) throw fail(world.refuse);
      world.set = true;
    },
    getUser: (user) => (world.users.includes(user) ? { user } : null),
    createUser: (user) => { log({ user }); world.users.push(user.user); },
  };
};
require(process.env.SCRIPT);
"""
HOSTS = [f"parse-mongodb-{i}.parse-mongodb:27017" for i in range(3)]

Event = dict[str, Any]
RunInit = Callable[..., tuple[int, list[Event], str]]


@pytest.fixture
def run_init(tmp_path: Path) -> RunInit:
    hosts = tmp_path / "hosts"
    hosts.write_text(",".join(HOSTS))
    (tmp_path / "fake.js").write_text(FAKE_MONGOSH)

    def run(**world: Any) -> tuple[int, list[Event], str]:
        world = {
            "up": dict.fromkeys(HOSTS, 0),
            "users": [],
            "login": "__system:a%2Fkey%2B",
            **world,
        }
        done = subprocess.run(
            [str(NODE), str(tmp_path / "fake.js")],
            env={
                "WORLD": json.dumps(world),
                "SCRIPT": str(FILES / "init-replica-set.js"),
                "MONGODB_HOSTS_FILE": str(hosts),
                "MONGODB_REPLICA_SET": "rs0",
                "MONGODB_KEYFILE": "a/\nkey+\n",
                "MONGO_INITDB_ROOT_USERNAME": "root",
                "MONGO_INITDB_ROOT_PASSWORD": "r00t",
                "PARSE_SERVER_DATABASE_URI": "mongodb://parse:p%40ss@a:1,b:2/app?replicaSet=rs0",
                "INIT_ATTEMPTS": "5",
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, [json.loads(x) for x in done.stdout.splitlines()], done.stderr

    return run


def initiated(events: list[Event]) -> list[Event]:
    return [event for event in events if "initiate" in event]


def users(events: list[Event]) -> dict[str, Event]:
    return {event["user"]["user"]: event["user"] for event in events if "user" in event}


def test_a_new_set_gets_all_members_and_both_users(run_init: RunInit) -> None:
    code, events, err = run_init()
    assert code == 0, err
    [event] = initiated(events)
    assert event["at"] == HOSTS[0]
    assert event["initiate"] == {
        "_id": "rs0",
        "members": [{"_id": i, "host": host} for i, host in enumerate(HOSTS)],
    }
    assert users(events)["root"]["roles"] == [{"role": "root", "db": "admin"}]
    assert users(events)["parse"]["pwd"] == "p@ss"
    assert {role["db"] for role in users(events)["parse"]["roles"]} == {"app"}


def test_a_second_run_changes_nothing(run_init: RunInit) -> None:
    code, events, _ = run_init(set=True, knows=dict.fromkeys(HOSTS, "rs0"), users=["root", "parse"])
    assert code == 0
    assert not initiated(events)
    assert not users(events)


def test_it_waits_until_every_member_answers(run_init: RunInit) -> None:
    code, events, _ = run_init(up={HOSTS[0]: 0, HOSTS[1]: 2, HOSTS[2]: 3})
    assert code == 0
    assert len(initiated(events)) == 1


def test_a_first_member_that_lost_its_volume_starts_no_second_set(run_init: RunInit) -> None:
    code, events, _ = run_init(set=True, knows={HOSTS[1]: "rs0", HOSTS[2]: "rs0"}, users=["root"])
    assert code == 0
    assert not initiated(events)


def test_it_gives_up_rather_than_initiate_over_a_silent_member(run_init: RunInit) -> None:
    code, events, err = run_init(up={HOSTS[0]: 0, HOSTS[1]: 0})
    assert code != 0
    assert not initiated(events)
    assert "Gave up waiting for all members to answer" in err


def test_another_job_that_was_faster_is_no_failure(run_init: RunInit) -> None:
    code, events, _ = run_init(set=True, refuse="AlreadyInitialized")
    assert code == 0
    assert {"print": "Replica set: there already"} in events


def test_no_credential_is_printed(run_init: RunInit) -> None:
    _, events, err = run_init(login="somebody:else")
    printed = " ".join(event["print"] for event in events if "print" in event) + err
    assert "AuthenticationFailed" in printed
    assert not [word for word in ("key+", "a%2F", "r00t", "p@ss", "p%40ss") if word in printed]


@pytest.mark.parametrize("script", sorted(FILES.glob("*.js")), ids=lambda path: path.name)
def test_scripts_parse(script: Path) -> None:
    done = subprocess.run(
        [str(NODE), "--check", str(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("code", "status"), [(101, 0), (1, 1)])
def test_the_test_pod_believes_only_a_query(tmp_path: Path, code: int, status: int) -> None:
    fake = tmp_path / "fake.js"
    fake.write_text(
        "globalThis.fetch = async (url, options) => ({ ok: true, status: 200, json: async () => ("
        f"url.endsWith('/health') ? {{ status: 'ok' }} : {{ code: {code} }}) }});\n"
        f"require({json.dumps(str(FILES / 'test.js'))});"
    )
    done = subprocess.run(
        [str(NODE), str(fake)],
        env={"TEST_URL": "http://parse-server/parse", "PARSE_SERVER_APPLICATION_ID": "id"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == status, done.stderr


def test_the_server_waits_until_the_database_answers_queries(tmp_path: Path) -> None:
    driver = tmp_path / "node_modules" / "mongodb"
    driver.mkdir(parents=True)
    (driver / "index.js").write_text(
        "let asked = 0;\n"
        "const fail = (codeName) => {\n"
        "  throw Object.assign(new Error('to u:p@h'), { codeName });\n"
        "};\n"
        "exports.MongoClient = class {\n"
        "  constructor(uri) { if (uri !== process.env.EXPECTED) throw new Error('wrong URI'); }\n"
        "  db() { return {\n"
        "    command: async () => { asked += 1; if (asked === 1) fail('HostUnreachable'); },\n"
        "    collection: () => ({\n"
        "      findOne: async () => { if (asked === 2) fail('Unauthorized'); },\n"
        "    }),\n"
        "  }; }\n"
        "  async close() {}\n"
        "};\n"
    )
    fake = tmp_path / "fake.js"
    fake.write_text(
        "globalThis.setTimeout = (then) => setImmediate(then);\n"
        + (FILES / "wait-for-database.js").read_text()
    )
    uri = "mongodb://u:p@h/parse"
    done = subprocess.run(
        [str(NODE), str(fake)],
        env={"PARSE_SERVER_DATABASE_URI": uri, "EXPECTED": uri},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Waiting for the database: HostUnreachable",
        "Waiting for the database: Unauthorized",
        "The database answers.",
    ]
