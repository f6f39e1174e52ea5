// Runs in mongosh --nodb. Says which dump the replica set was restored from last, or notes it.
// Log-in as in init-replica-set.js, since the users may just have been replaced.
const { env } = process;
const hosts = require("fs").readFileSync(env.MONGODB_HOSTS_FILE, "utf8").trim();
const key = encodeURIComponent(env.MONGODB_KEYFILE.replace(/\s/g, ""));
const options = [
  `replicaSet=${encodeURIComponent(env.MONGODB_REPLICA_SET)}`,
  "authSource=local",
  "authMechanism=SCRAM-SHA-256",
  "w=majority",
].join("&");
const admin = connect(`mongodb://__system:${key}@${hosts}/admin?${options}`);
const notes = admin.getSiblingDB("parse_recovery").restored;
if (env.DUMP_RESTORED) {
  const note = { dump: env.DUMP_ID, at: new Date() };
  notes.updateOne({ _id: "latest" }, { $set: note }, { upsert: true });
}
const latest = notes.findOne({ _id: "latest" });
print(`holds ${latest ? latest.dump : "none"}`);
