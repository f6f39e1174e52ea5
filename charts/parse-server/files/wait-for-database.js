// Runs in the server's own image before the server, with the driver the server uses.
// Parse Server exits when it finds no database at its start; on a first install that would
// look like a crash loop while MongoDB's image is still being pulled.
const { MongoClient } = require("mongodb");

async function main() {
  for (let said = ""; ; ) {
    const client = new MongoClient(process.env.PARSE_SERVER_DATABASE_URI, {
      serverSelectionTimeoutMS: 3000,
    });
    try {
      await client.db().command({ ping: 1 });
      // Needs a primary and the right user, not just an open port.
      await client.db().collection("_SCHEMA").findOne({}, { readPreference: "primary" });
      console.log("The database answers.");
      return;
    } catch (error) {
      const why = error.codeName || error.name;
      if (why !== said) console.log(`Waiting for the database: ${why}`);
      said = why;
    } finally {
      await client.close().catch(() => {});
    }
    await new Promise((done) => setTimeout(done, 1000));
  }
}

main();
