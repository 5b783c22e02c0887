// Single keys, which do nothing in fields and can be switched off (WCAG 2.1.4).

const dialog = document.getElementById("keys");
const box = document.getElementById("keys-on");
const act = document.getElementById("act");
const OFF = "folkmoot-keys-off";

function remembered() {
  try {
    return localStorage.getItem(OFF) === "yes";
  } catch {
    return false;
  }
}

let off = dialog.dataset.off ? dialog.dataset.off === "yes" : remembered();
box.checked = !off;

box.addEventListener("change", () => {
  off = !box.checked;
  if (!act) {
    try {
      localStorage.setItem(OFF, off ? "yes" : "no");
    } catch { /* for this page alone, then */ }
    return;
  }
  const body = new URLSearchParams({ csrf: act.elements.csrf.value, back: location.pathname });
  if (!off) body.set("on", "1");
  fetch("/keys", { method: "POST", headers: { Accept: "application/json" }, body }).catch(() => { /* for this page alone */ });
});

for (const button of document.querySelectorAll("[data-keys]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    button.closest("details").open = false;
    dialog.showModal();
  });
}

function inView() {
  const within = document.activeElement?.closest("article.item, article.opening");
  if (within) return within;
  return [...document.querySelectorAll("article.opening, article.item")]
    .findLast((article) => article.getBoundingClientRect().top < 80) ?? null;
}

function go(step, which) {
  const all = [...document.querySelectorAll(which)];
  const at = inView();
  const found = step > 0
    ? all.find((article) => !at || at.compareDocumentPosition(article) & Node.DOCUMENT_POSITION_FOLLOWING)
    : all.findLast((article) => at && at.compareDocumentPosition(article) & Node.DOCUMENT_POSITION_PRECEDING);
  if (!found) return;
  for (let above = found.closest("details.branch:not([open])"); above; above = found.closest("details.branch:not([open])")) above.open = true;
  found.scrollIntoView({ block: "start" });
  found.focus({ preventScroll: true });
}

const KEYS = {
  j: () => go(1, "article.item"),
  k: () => go(-1, "article.opening, article.item"),
  n: () => go(1, "article.item.new"),
  p: () => go(-1, "article.item.new"),
  r: () => (inView() ?? document.getElementById("opening")).querySelector("a.reply")?.click(),
  u: () => location.assign(document.querySelector("[data-live]").dataset.group),
  "?": () => dialog.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (off || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (dialog.open || event.target.closest?.("input, textarea, select, [contenteditable], dialog")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
