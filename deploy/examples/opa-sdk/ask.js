// Asks the sidecar with OPA's own SDK whether the login behind a token may open a page.
//
//	TOKEN=… node ask.js /employees
//
// Ends with 0 if it may, and with 1 if not or if nobody could tell.
import { OPAClient } from "@open-policy-agent/opa";

const opa = new OPAClient(process.env.STEPUP ?? "http://127.0.0.1:8181");

const input = {
  token: process.env.TOKEN, // a string: what is in it is verified by the sidecar
  action: { name: "GET" },
  resource: { type: "route", id: process.argv[2] ?? "/customers" },
};

// The whole answer is an object whatever it says: only its member allow is the boolean.
const answer = await opa.evaluate("fabrikam", input);
if (answer?.allow === true) {
  console.log("allowed");
} else if (answer?.step_up) {
  console.log(`sign in again, as ${answer.step_up.level}:`, answer.step_up.authorization_request);
  process.exitCode = 1;
} else {
  console.log("refused:", answer?.reason);
  process.exitCode = 1;
}
