// Copies a handle, or the address of an item.

import { say, words } from "./status.js";

if (navigator.clipboard) {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const word = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      button.textContent = "✓ " + word;
      say(button.textContent);
      setTimeout(() => { button.textContent = word; }, 2000);
    });
  }

  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-copy-link]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    try {
      await navigator.clipboard.writeText(link.href);
      link.textContent = "✓ " + words("copied");
      say(words("copied"));
    } catch {
      location.assign(link.href);
    }
  });
}
