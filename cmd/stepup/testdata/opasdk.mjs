// What OPA's SDK makes of the sidecar's answers, one line of JSON each: the name of the
// call, and its value or what was thrown.
import { OPAClient } from "@open-policy-agent/opa";

const { STEPUP: server, NORMAL: normal, MFA: mfa } = process.env;
const opa = new OPAClient(server);
const ask = (token, id, more = {}) => ({ token, action: { name: "GET" }, resource: { type: "route", id }, ...more });

async function told(name, call) {
  let line;
  try {
    line = { name, value: (await call()) ?? null };
  } catch (e) {
    line = { name, thrown: e?.code ?? e?.httpMeta?.response?.status ?? String(e?.message ?? e) };
  }
  console.log(JSON.stringify(line));
}

await told("allow", () => opa.evaluate("fabrikam/allow", ask(normal, "/customers")));
await told("step up", () => opa.evaluate("fabrikam/allow", ask(normal, "/employees")));
await told("mfa", () => opa.evaluate("fabrikam/allow", ask(mfa, "/employees")));
await told("nobody", () => opa.evaluate("fabrikam/allow", ask(undefined, "/customers")));
await told("a token that was changed", () => opa.evaluate("fabrikam/allow", ask(normal + "x", "/customers")));
await told("the level to go to", () => opa.evaluate("fabrikam", ask(normal, "/employees"), { fromResult: (r) => [r.allow, r.outcome, r.step_up.level, r.status_code] }));
await told("undefined", () => opa.evaluate("fabrikam/nothing", ask(mfa, "/employees")));
await told("another package", () => opa.evaluate("other/allow", ask(mfa, "/employees")));
await told("no input", () => opa.evaluate("fabrikam/allow"));
await told("facts of one's own", () => opa.evaluate("fabrikam/allow", ask(normal, "/employees", { assurance: { levels: ["mfa"] } })));
await told("default", () => opa.evaluateDefault(ask(mfa, "/employees")));
await told("default, refused", () => opa.evaluateDefault(ask(normal, "/employees")));
await told("batch", () => opa.evaluateBatch("fabrikam/allow", { a: ask(normal, "/customers"), b: ask(normal, "/employees") }, { fallback: true }));
await told("batch, not one by one", () => new OPAClient(server).evaluateBatch("fabrikam/allow", { a: ask(normal, "/customers") }));
await told("filters", () => opa.getFilters("fabrikam/allow", ask(mfa, "/employees"), { target: "postgresql" }));
const beside = new OPAClient(server, { headers: { "X-Subject-Token": normal } });
await told("the token in a header", () => beside.evaluate("fabrikam/allow", ask(undefined, "/customers")));
await told("two tokens", () => beside.evaluate("fabrikam/allow", ask(mfa, "/employees")));
