/**
 * Step-up, first Action (trigger: post-login): whoever asks for the scope "step_up" must
 * pass a second factor now. It says nothing about whether they did: Auth0 tells that only
 * to an Action that starts afterwards, which is level.js.
 *
 * It replaces the half of the Rule that set context.multifactor. The challenge is made
 * with challengeWithAny and not with multifactor.enable, because only the first makes the
 * later Actions wait for it. A remembered browser does not count, as before.
 */
const SCOPE = "step_up";

// The second factors of this tenant: those that are switched on in Security, Multi-factor
// Auth. A code by mail is none: it reaches whoever can reset the password.
const FACTORS = ["otp", "webauthn-roaming", "webauthn-platform", "push-notification", "phone"];

exports.onExecutePostLogin = async (event, api) => {
  if (!asksForStepUp(event) || isRefresh(event)) {
    return;
  }
  const enrolled = FACTORS.filter((type) => has(event.user, type));
  if (enrolled.length > 0) {
    api.authentication.challengeWithAny(enrolled.map((type) => ({ type })));
  } else {
    api.authentication.enrollWithAny(FACTORS.map((type) => ({ type })));
  }
};

// The scope as an element of the list, never as a part of a text: "no_step_up" is another.
function asksForStepUp(event) {
  const scopes = event.transaction?.requested_scopes;
  return Array.isArray(scopes) && scopes.includes(SCOPE);
}

// Nobody is there to be asked when a refresh token is exchanged.
function isRefresh(event) {
  return event.transaction?.protocol === "oauth2-refresh-token";
}

function has(user, type) {
  return (user.enrolledFactors ?? []).some((factor) => factor.type === type);
}
