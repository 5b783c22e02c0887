// Passkeys: signing in with one, and adding one. Without them, or without this script, nothing is missing but a button.

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const complain = (words) => {
  const place = document.getElementById("passkey-error");
  place.textContent = words;
  place.hidden = !words;
};

const ask = async (path, form, fields) => {
  const given = new URLSearchParams({ csrf: new FormData(form).get("csrf"), ...fields });
  const answer = await fetch(path, { method: "POST", body: given, headers: { Accept: "application/json" } });
  if (answer.redirected) {
    location.assign(answer.url); // whoever has to show first who they are is led there
    return new Promise(() => {});
  }
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
};

const signIn = async (form) => {
  const options = await ask("/sign-in/passkey", form, { step: "begin" });
  options.challenge = bytes(options.challenge);
  options.allowCredentials = (options.allowCredentials ?? []).map((it) => ({ ...it, id: bytes(it.id) }));
  const key = await navigator.credentials.get({ publicKey: options });
  const credential = JSON.stringify({
    id: key.id,
    rawId: text(key.rawId),
    type: key.type,
    response: {
      clientDataJSON: text(key.response.clientDataJSON),
      authenticatorData: text(key.response.authenticatorData),
      signature: text(key.response.signature),
      userHandle: key.response.userHandle ? text(key.response.userHandle) : null,
    },
  });
  const next = new FormData(form).get("next") ?? "/";
  const { to } = await ask("/sign-in/passkey", form, { step: "finish", credential, next });
  location.assign(to);
};

const add = async (form) => {
  const options = await ask("/settings/security/passkeys", form, { step: "begin" });
  options.challenge = bytes(options.challenge);
  options.user.id = bytes(options.user.id);
  options.excludeCredentials = (options.excludeCredentials ?? []).map((it) => ({ ...it, id: bytes(it.id) }));
  const key = await navigator.credentials.create({ publicKey: options });
  const credential = JSON.stringify({
    id: key.id,
    rawId: text(key.rawId),
    type: key.type,
    response: {
      clientDataJSON: text(key.response.clientDataJSON),
      attestationObject: text(key.response.attestationObject),
      transports: key.response.getTransports?.() ?? [],
    },
  });
  const name = new FormData(form).get("passkey-name");
  const { to } = await ask("/settings/security/passkeys", form, { step: "finish", credential, name });
  location.assign(to);
};

if (window.PublicKeyCredential && navigator.credentials) {
  const work = { "sign-in": signIn, add };
  for (const button of document.querySelectorAll("button[data-passkey]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      complain("");
      button.disabled = true;
      try {
        await work[button.dataset.passkey](button.form);
      } catch (error) {
        // Whoever closed the browser's own question knows that they did.
        if (error.name !== "NotAllowedError" && error.name !== "AbortError") complain(error.message);
      } finally {
        button.disabled = false;
      }
    });
  }
  const adding = document.getElementById("add-passkey");
  if (adding) {
    adding.hidden = false;
    document.getElementById("no-passkeys").hidden = true;
  }
}
