// Runs in mongosh --nodb. Makes the replica set and its users where they are missing; a second
// run changes nothing. Credentials come from the environment, never from arguments.
// mongosh awaits its own calls by rewriting the code, which does not reach into callbacks of
// built-in functions; hence the plain loops.
const fs = require("fs");
const env = process.env;
const enc = encodeURIComponent;
const timeouts = "serverSelectionTimeoutMS=3000&connectTimeoutMS=3000";
const attempts = Number(env.INIT_ATTEMPTS || 600);

// Every mongod knows the user __system, whose password is the keyfile without its blanks.
// Before the first user is made nobody else can log in from another pod.
const key = enc(env.MONGODB_KEYFILE.replace(/\s/g, ""));
const asSystem = `authSource=local&authMechanism=SCRAM-SHA-256&${timeouts}`;

// A file, because a ConfigMap's files follow it and the environment does not.
function readHosts() {
  return fs.readFileSync(env.MONGODB_HOSTS_FILE, "utf8").trim().split(",");
}

function hello(host) {
  let db = null;
  try {
    db = connect(`mongodb://${host}/admin?directConnection=true&${timeouts}`);
    return db.hello();
  } catch (error) {
    return null;
  } finally {
    if (db) db.getMongo().close();
  }
}

function initiate(hosts) {
  const members = hosts.map((host, index) => ({ _id: index, host }));
  try {
    const uri = `mongodb://__system:${key}@${hosts[0]}/admin?directConnection=true&${asSystem}`;
    connect(uri).adminCommand({ replSetInitiate: { _id: env.MONGODB_REPLICA_SET, members } });
  } catch (error) {
    if (error.codeName === "AlreadyInitialized") return "there already";
    print(`Not yet: ${error.codeName || error.name}`);
    return null;
  }
  return "initiated";
}

// One member that knows the set is enough to leave the membership alone. Only when all answer
// and none knows it is there no set: a member that lost its volume must not start a second
// one beside members that have not answered.
function findOrInitiate() {
  const hosts = readHosts();
  let answered = 0;
  for (const host of hosts) {
    const answer = hello(host);
    if (answer && answer.setName) return "there already";
    if (answer) answered += 1;
  }
  return answered === hosts.length ? initiate(hosts) : null;
}

function connectPrimary() {
  const hosts = readHosts().join(",");
  const set = enc(env.MONGODB_REPLICA_SET);
  let admin = null;
  try {
    admin = connect(`mongodb://__system:${key}@${hosts}/admin?replicaSet=${set}&${asSystem}`);
    if (admin.hello().isWritablePrimary) return admin;
  } catch (error) {
    print(`Not yet: ${error.codeName || error.name}`);
  }
  if (admin) admin.getMongo().close();
  return null;
}

function patiently(what, attempt) {
  for (let tried = 0; tried < attempts; tried += 1) {
    const result = attempt();
    if (result) return result;
    if (tried % 15 === 0) print(`Waiting for ${what}.`);
    sleep(1000);
  }
  throw new Error(`Gave up waiting for ${what} after ${attempts} attempts.`);
}

function ensureUser(admin, user, pwd, roles) {
  if (admin.getUser(user)) {
    print("User: there already");
  } else {
    admin.createUser({ user, pwd, roles });
    print("User: made");
  }
}

const outcome = patiently("all members to answer", findOrInitiate);
print(`Replica set: ${outcome}`);
const admin = patiently("a primary", connectPrimary);
const root = env.MONGO_INITDB_ROOT_USERNAME;
ensureUser(admin, root, env.MONGO_INITDB_ROOT_PASSWORD, [{ role: "root", db: "admin" }]);

// The server's own user, where its URI names another than root: its database and no other.
const uri = /^mongodb:\/\/([^:@/]+):([^@/]+)@[^/]+\/([^?]+)/.exec(env.PARSE_SERVER_DATABASE_URI);
if (uri) {
  const [user, pwd, db] = [uri[1], uri[2], uri[3]].map((part) => decodeURIComponent(part));
  const roles = [{ role: "readWrite", db }, { role: "dbAdmin", db }];
  if (user !== root) ensureUser(admin, user, pwd, roles);
}
