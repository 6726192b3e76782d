// node --test: what the one call takes for an answer. Nothing has to be installed.
import { test } from "node:test";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { decide, merge } from "./stepup.js";

const question = { token: "a.b.c", action: "GET", resource: "/employees" };

// asked starts a server that answers so, asks it, and returns what came of that.
async function asked(answer) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await decide(`http://127.0.0.1:${server.address().port}`, question);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const says = (status, body, headers = {}) => (req, res) => {
  req.resume().on("end", () => res.writeHead(status, { "Content-Type": "application/json", ...headers }).end(typeof body === "string" ? body : JSON.stringify(body)));
};

const allow = { outcome: "allow", decision: true };
const stepUp = { outcome: "step_up", decision: false, step_up: { level: "mfa", authorization_request: { acr_values: "mfa" } } };
const deny = { outcome: "deny", decision: false, http: { status: 403, www_authenticate: [] } };

for (const answer of [allow, stepUp, deny]) {
  test(`${answer.outcome} is an answer`, async () => assert.deepEqual(await asked(says(200, answer)), answer));
}

for (const [name, answer] of [
  ["503, whatever it says", says(503, allow)],
  ["a fault that reads as a no", says(500, deny)],
  ["204", says(204, "")],
  ["an address to ask instead", says(307, "", { Location: "http://127.0.0.1:9/v1/decision" })],
  ["no JSON", says(200, "allow")],
  ["null", says(200, "null")],
  ["an empty object", says(200, {})],
  ["allow without a decision", says(200, { outcome: "allow" })],
  ["allow, and decision false", says(200, { ...allow, decision: false })],
  ["allow, and decision a text", says(200, { ...allow, decision: "true" })],
  ["a decision without an outcome", says(200, { decision: true })],
  ["an outcome that nobody knows", says(200, { outcome: "ALLOW", decision: true })],
  ["deny, and decision true", says(200, { ...deny, decision: true })],
  ["step_up, and nothing to ask for", says(200, { outcome: "step_up", decision: false })],
  ["step_up, and null to ask for", says(200, { ...stepUp, step_up: { authorization_request: null } })],
  ["half an answer", (req, res) => { res.writeHead(200, { "Content-Length": 100 }).write("{"); setImmediate(() => res.destroy()); }],
  ["a connection that ends", (req) => req.socket.destroy()],
]) {
  test(`${name} is no answer`, () => assert.rejects(asked(answer)));
}

test("nobody there is no answer", () => assert.rejects(decide("http://127.0.0.1:9", question)));

test("the question is the one of /v1/decision", async () => {
  let got;
  await asked((req, res) => {
    let text = "";
    req.on("data", (part) => { text += part; });
    req.on("end", () => { got = [req.method, req.url, JSON.parse(text)]; res.end(JSON.stringify(allow)); });
  });
  assert.deepEqual(got, ["POST", "/v1/decision", { token: "a.b.c", action: { name: "GET" }, resource: { type: "route", id: "/employees" } }]);
});

for (const [name, own, wanted, want] of [
  ["scopes are joined, each once", { scope: "openid profile" }, { scope: "openid step_up" }, { scope: "openid profile step_up" }],
  ["what is asked for is put over ours", { scope: "openid", prompt: "none" }, { prompt: "login", acr_values: "mfa", max_age: "3600" }, { scope: "openid", prompt: "login", acr_values: "mfa", max_age: "3600" }],
  ["nothing asked for changes nothing", { scope: "openid profile" }, {}, { scope: "openid profile" }],
  ["no other parameter can be set", { scope: "openid" }, { redirect_uri: "https://evil.example", client_id: "x" }, { scope: "openid" }],
]) {
  test(name, () => assert.deepEqual(merge(own, wanted), want));
}
