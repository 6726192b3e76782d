// The one call to the sidecar. It needs nothing but Node.

// decide asks whether the person with this token may do this. Whatever is not clearly an
// answer throws: silence, faults and the unknown never read as a yes.
export async function decide(sidecar, { token, action, resource }) {
  const response = await fetch(new URL("/v1/decision", sidecar), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token, action: { name: action }, resource: { type: "route", id: resource } }),
    redirect: "error", // the token is for the sidecar alone
    signal: AbortSignal.timeout(5000),
  });
  if (response.status !== 200) {
    throw new Error(`the sidecar answers ${response.status}: ${(await response.text()).slice(0, 500)}`);
  }
  const answer = await response.json();
  if (!understood(answer)) {
    throw new Error("the sidecar's answer is none that we know");
  }
  return answer;
}

function understood(answer) {
  switch (answer?.outcome) {
    case "allow":
      return answer.decision === true;
    case "step_up":
      return answer.decision === false && answer.step_up?.authorization_request instanceof Object;
    case "deny":
      return answer.decision === false && Number.isInteger(answer.http?.status);
  }
  return false;
}

// merge puts what a step-up asks for over an application's own authorization request:
// scopes are joined, and no other parameter than these can be set.
export function merge(own, asked) {
  const merged = { ...own };
  for (const name of ["acr_values", "claims", "max_age", "prompt"]) {
    if (asked[name] !== undefined) merged[name] = asked[name];
  }
  merged.scope = [...new Set(`${own.scope} ${asked.scope ?? ""}`.trim().split(/ +/))].join(" ");
  return merged;
}
