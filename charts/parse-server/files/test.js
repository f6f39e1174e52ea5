// `helm test`: health, then a query that must go through the database, which health alone
// does not notice when it is lost later. A log-in of nobody is answered with code 101 only
// after the users were searched.
async function main() {
  const url = process.env.TEST_URL;
  const signal = AbortSignal.timeout(20000);
  const health = await fetch(`${url}/health`, { signal });
  const { status } = await health.json();
  if (!health.ok || status !== "ok") throw new Error(`health answers ${health.status} ${status}`);
  const login = await fetch(`${url}/login`, {
    method: "POST",
    headers: {
      "X-Parse-Application-Id": process.env.PARSE_SERVER_APPLICATION_ID,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({ username: "helm-test-nobody", password: "none" }),
    signal,
  });
  const { code } = await login.json();
  if (code !== 101) throw new Error(`a query answers ${login.status} with code ${code}`);
  console.log("Parse Server is healthy and reaches its database.");
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
