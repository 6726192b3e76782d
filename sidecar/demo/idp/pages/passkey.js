// Asks the browser for a passkey, or for a new one, and sends what it answers.
// Options and answer are in the JSON form of WebAuthn Level 3, sections 5.1.8 to 5.1.10.
"use strict";

const form = document.querySelector("form[data-passkey]");
const trouble = document.getElementById("trouble");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  trouble.hidden = true;
  try {
    const { publicKey } = JSON.parse(form.dataset.options);
    const credential = form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
    form.elements.response.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch (error) {
    trouble.textContent = error.name === "NotAllowedError"
      ? "That was cancelled, or took too long. Please try again."
      : "This browser could not use the passkey here: " + error.message;
    trouble.hidden = false;
  }
});
