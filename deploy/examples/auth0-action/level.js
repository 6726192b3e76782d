/**
 * Step-up, second Action (trigger: post-login, after challenge.js): tells in the tokens how
 * strongly and when the person signed in, from the methods that were completed.
 *
 * The Rule set the level when the scope was asked for. Here the scope plays no part: no
 * second factor, no "mfa". And the level of a refreshed token is that of its login.
 */
const NAMESPACE = "https://fabrikam.example/";

// The first factors that Auth0 documents; "mfa" stands for a second one.
const FIRST_FACTORS = ["pwd", "federated", "passkey", "sms", "email"];

exports.onExecutePostLogin = async (event, api) => {
  const refreshed = event.transaction?.protocol === "oauth2-refresh-token";
  const login = refreshed ? remembered(event) : completed(event);
  if (!login) {
    return; // what is not known is not told, and no level is what everybody will read
  }
  for (const token of [api.accessToken, api.idToken]) {
    token.setCustomClaim(NAMESPACE + "authentication_level", login.level);
    token.setCustomClaim(NAMESPACE + "auth_time", login.time);
  }
  if (!refreshed) {
    remember(api, login);
  }
};

// What was completed in this session. A login is as old as the older of its two factors,
// each of which counts as of the last time that it was used.
function completed(event) {
  const methods = event.authentication?.methods ?? [];
  const first = latest(methods.filter((method) => FIRST_FACTORS.includes(method.name)));
  const second = latest(methods.filter((method) => method.name === "mfa"));
  if (first === undefined) {
    return undefined;
  }
  if (second === undefined) {
    return { level: "normal", time: first };
  }
  return { level: "mfa", time: Math.min(first, second) };
}

// In whole seconds since 1970, rounded down; undefined without a time that can be read.
function latest(methods) {
  const times = methods.map((method) => Math.floor(Date.parse(method.timestamp) / 1000));
  const known = times.filter((time) => Number.isInteger(time) && time > 0);
  return known.length > 0 ? Math.max(...known) : undefined;
}

// The login of a refresh token is kept beside it, in metadata, which must be text. A tenant
// without that feature has no such member: its refreshed tokens tell nothing.
function remember(api, login) {
  if (typeof api.refreshToken?.setMetadata === "function") {
    api.refreshToken.setMetadata("authentication_level", login.level);
    api.refreshToken.setMetadata("auth_time", String(login.time));
  }
}

function remembered(event) {
  const { authentication_level: level, auth_time: time } = event.refresh_token?.metadata ?? {};
  if (!["normal", "mfa"].includes(level) || !/^[1-9][0-9]{0,11}$/.test(time)) {
    return undefined;
  }
  return { level, time: Number(time) };
}
