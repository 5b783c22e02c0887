// The buttons below an item do what they do without a new page.

import { refresh, shown } from "./items.js";
import { say, words } from "./status.js";

const form = document.getElementById("act");

form?.addEventListener("submit", async (event) => {
  const button = event.submitter;
  const article = button?.closest("[data-uid]");
  if (!button?.hasAttribute("formaction") || !article) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, button));
  const action = button.getAttribute("formaction");
  let answer = null;
  try {
    answer = await fetch(action, { method: "POST", headers: { Accept: "application/json" }, body });
  } catch {
    say(words("notSent"));
    return;
  }
  if (!answer.ok) {
    form.action = action;
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: button.name, value: button.value });
    form.append(field);
    form.submit();  // the page itself says what is wrong
    return;
  }
  const number = article.id === "opening" ? 0 : Number(article.id.slice(2));
  if (button.name === "do" || button.name === "unread_from") {
    location.assign(button.name === "do" ? location.pathname : `${location.pathname}?at=${number}&marked=${number}#c-${number}`);
    return;
  }
  button.closest("details.menu").open = false;
  await refresh(article.dataset.uid, number);
  shown(number)?.querySelector("details.react > summary, details.more > summary")?.focus({ preventScroll: true });
});
