// Asks for a page as a script does, and shows what comes back: for a step-up 401 with the
// challenge of RFC 9470, and no redirect.
"use strict";

const section = document.getElementById("asked");
const shown = section.querySelector("pre");

async function ask(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  const lines = [`GET ${path}`, "", `HTTP ${answer.status}`];
  const challenge = answer.headers.get("WWW-Authenticate");
  if (challenge) lines.push(`WWW-Authenticate: ${challenge}`);
  const type = answer.headers.get("Content-Type") || "";
  if (type.startsWith("application/json")) {
    lines.push("", JSON.stringify(await answer.json(), null, 2));
  }
  return lines.join("\n");
}

for (const button of document.querySelectorAll("button[data-ask]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    section.hidden = false;
    try {
      shown.textContent = await ask(button.dataset.ask);
    } catch (error) {
      shown.textContent = "The intranet could not be reached: " + error.message;
    }
  });
}
