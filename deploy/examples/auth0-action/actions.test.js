// node --test: both Actions, with event and api in the shape that Auth0 documents
// (post-login trigger: event object and API object; looked up on 2026-11-23).
const { test } = require("node:test");
const assert = require("node:assert/strict");
const challenge = require("./challenge.js");
const level = require("./level.js");

const LEVEL = "https://fabrikam.example/authentication_level";
const TIME = "https://fabrikam.example/auth_time";
const T0 = "2026-11-23T09:00:00.750Z"; // 1795424400
const T1 = "2026-11-23T09:30:00.000Z"; // 1795426200

const password = { name: "pwd", timestamp: T0 };
const secondFactor = { name: "mfa", timestamp: T1 };

function newEvent({ scopes = ["openid"], methods = [password], enrolled = ["otp"], protocol = "oidc-basic-profile", metadata } = {}) {
  return {
    authentication: methods && { methods },
    client: { client_id: "intranet" },
    refresh_token: metadata && { metadata },
    transaction: { protocol, requested_scopes: scopes, acr_values: [] },
    user: { user_id: "auth0|alice", enrolledFactors: enrolled.map((type) => ({ type })) },
  };
}

// newApi records what an Action asks for. Any other member would throw.
function newApi({ enterprise = true } = {}) {
  const done = { challenged: undefined, enrolled: undefined, access: {}, id: {}, kept: {} };
  const api = {
    authentication: {
      challengeWithAny: (factors) => { done.challenged = factors.map((f) => f.type); },
      enrollWithAny: (factors) => { done.enrolled = factors.map((f) => f.type); },
    },
    accessToken: { setCustomClaim: (name, value) => { done.access[name] = value; } },
    idToken: { setCustomClaim: (name, value) => { done.id[name] = value; } },
  };
  if (enterprise) {
    api.refreshToken = {
      setMetadata: (key, value) => {
        assert.equal(typeof value, "string");
        done.kept[key] = value;
      },
    };
  }
  return { api, done };
}

async function run(action, facts, tenant) {
  const { api, done } = newApi(tenant);
  await action.onExecutePostLogin(newEvent(facts), api);
  return done;
}

for (const [name, facts, challenged, enrolled] of [
  ["a plain login is not challenged", {}, undefined, undefined],
  ["step_up is challenged with what is enrolled", { scopes: ["openid", "step_up"], enrolled: ["otp", "email", "webauthn-roaming"] }, ["otp", "webauthn-roaming"], undefined],
  ["a second factor used before is no excuse", { scopes: ["step_up"], methods: [password, secondFactor] }, ["otp"], undefined],
  ["who has no second factor enrols one", { scopes: ["step_up"], enrolled: ["email"] }, undefined, ["otp", "webauthn-roaming", "webauthn-platform", "push-notification", "phone"]],
  ["no scope that contains it", { scopes: ["no_step_up", "step_up_x", "STEP_UP"] }, undefined, undefined],
  ["no text that contains it", { scopes: "openid step_up" }, undefined, undefined],
  ["no scopes", { scopes: null }, undefined, undefined],
  ["nobody is challenged on a refresh", { scopes: ["step_up"], protocol: "oauth2-refresh-token" }, undefined, undefined],
]) {
  test("challenge: " + name, async () => {
    const done = await run(challenge, facts);
    assert.deepEqual([done.challenged, done.enrolled], [challenged, enrolled]);
    assert.deepEqual([done.access, done.id], [{}, {}]);
  });
}

const normal = { [LEVEL]: "normal", [TIME]: 1795424400 };
const mfa = { [LEVEL]: "mfa", [TIME]: 1795424400 };
const refresh = { protocol: "oauth2-refresh-token", methods: [password, secondFactor] };

for (const [name, facts, want] of [
  ["a password is normal", {}, normal],
  ["a federated login is normal", { methods: [{ name: "federated", timestamp: T0 }] }, normal],
  ["a second factor is mfa, as old as the older of both", { methods: [password, secondFactor] }, mfa],
  ["each factor counts as of its last use", { methods: [password, secondFactor, { name: "pwd", timestamp: T1 }] }, { [LEVEL]: "mfa", [TIME]: 1795426200 }],
  ["to ask is not to prove", { scopes: ["step_up"] }, normal],
  ["a second factor alone is nothing", { methods: [secondFactor] }, {}],
  ["a second factor without a time does not count", { methods: [password, { name: "mfa" }] }, normal],
  ["a first factor without a time is nothing", { methods: [{ name: "pwd", timestamp: "yesterday" }, secondFactor] }, {}],
  ["a method of the tenant's own is neither", { methods: [password, { name: "https://fabrikam.example/mfa", timestamp: T1 }] }, normal],
  ["no methods", { methods: [] }, {}],
  ["no authentication", { methods: null }, {}],
  ["a refresh keeps normal, whatever the session did since", { ...refresh, metadata: { authentication_level: "normal", auth_time: "1795424400" } }, normal],
  ["a refresh keeps mfa and its time", { ...refresh, metadata: { authentication_level: "mfa", auth_time: "1795424400" } }, mfa],
  ["a refresh of which nothing is kept tells nothing", refresh, {}],
  ["a refresh with a level that there is not", { ...refresh, metadata: { authentication_level: "phr", auth_time: "1795424400" } }, {}],
  ["a refresh without a time", { ...refresh, metadata: { authentication_level: "mfa" } }, {}],
]) {
  test("level: " + name, async () => {
    const done = await run(level, facts);
    assert.deepEqual([done.access, done.id], [want, want]);
    assert.equal(done.challenged, undefined);
  });
}

test("level: what is kept at login is what a refresh tells", async () => {
  const login = await run(level, { methods: [password, secondFactor] });
  const later = await run(level, { protocol: "oauth2-refresh-token", methods: null, metadata: login.kept });
  assert.deepEqual(later.access, login.access);
  assert.deepEqual(later.kept, {});
});

test("level: a tenant without metadata of refresh tokens still tells the level of a login", async () => {
  const done = await run(level, {}, { enterprise: false });
  assert.deepEqual(done.access, normal);
});
