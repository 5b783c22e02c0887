// "Later replies" and "Older threads" bring the next page here instead of going there.

import { say } from "./status.js";

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-more]");
  if (!link || link.ariaBusy === "true" || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  link.ariaBusy = "true";
  try {
    const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const list = document.getElementById(link.dataset.more);
    const fresh = [...page.getElementById(link.dataset.more).children]
      .map((child) => document.adoptNode(child))
      .filter((child) => !document.getElementById(child.querySelector("article[id]")?.id ?? " "));
    for (const child of fresh) child.querySelector("#compose")?.remove();  // this page has its own
    list.append(...fresh);
    const target = fresh[0]?.querySelector("article");
    if (target) {
      target.tabIndex = -1;
      target.focus({ preventScroll: true });
    }
    const next = page.querySelector(`a[data-more="${link.dataset.more}"]`);
    say(`${link.textContent}: ${fresh.reduce((sum, child) => sum + child.querySelectorAll("article").length, 0)}`);
    if (next) link.replaceWith(document.adoptNode(next));
    else link.closest("nav").remove();
  } catch {
    location.assign(link.href);  // the page itself says what is wrong
  }
});
