// What a page does beyond its links and forms. Everything here works without it too, a little slower.

const status = document.createElement("p");
status.className = "sr";
status.setAttribute("role", "status");
document.body.append(status);

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  const word = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    status.textContent = button.textContent = "✓ " + word;
    setTimeout(() => { button.textContent = word; }, 2000);
  });
}

// "Later replies" and "Older threads" bring the next page here instead of going there.
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
    const fresh = [...page.getElementById(link.dataset.more).children].map((child) => document.adoptNode(child));
    list.append(...fresh);
    const target = fresh[0]?.querySelector("article");
    if (target) {
      target.tabIndex = -1;
      target.focus({ preventScroll: true });
    }
    const next = page.querySelector(`a[data-more="${link.dataset.more}"]`);
    status.textContent = `${link.textContent}: ${fresh.reduce((sum, child) => sum + child.querySelectorAll("article").length, 0)}`;
    if (next) link.replaceWith(document.adoptNode(next));
    else link.closest("nav").remove();
  } catch {
    location.assign(link.href);  // the page itself says what is wrong
  }
});
