// One item, fetched as its page shows it, and put in its place.

const section = document.querySelector("[data-live]");
const LEVELS = 3;  // of indent, as the server has it

export const thread = section.dataset.thread;
export const path = section.dataset.path;
export const view = section.dataset.view;
export const list = document.getElementById("items");

export function shown(number) {
  return number ? document.getElementById(`c-${number}`) : document.getElementById("opening");
}

export async function bring(uid, whom = view !== "tree") {
  const answer = await fetch(`/items/${uid}/fragment${whom ? "?whom=1" : ""}`, { headers: { Accept: "text/html" } });
  if (!answer.ok) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return document.adoptNode(page.body.firstElementChild);
}

// Where an item belongs: the list, and what it stands before; null where its place is on another page.
export function placeOf(parent) {
  if (document.querySelector("a[data-more]") && (view !== "tree" || !parent)) return null;
  if (view !== "tree" || !parent) return { into: list, before: null };
  const above = document.getElementById(`c-${parent}`)?.closest("li");
  if (!above) return null;
  if (levelOf(above) < LEVELS) return { into: branchOf(above), before: null };
  // At the last level answers stand in order below what they answer, beside it.
  const below = new Set([parent]);
  let following = above.nextElementSibling;
  while (following && below.has(Number(following.querySelector("article").dataset.parent))) {
    below.add(Number(following.querySelector("article").id.slice(2)));
    following = following.nextElementSibling;
  }
  return { into: above.parentElement, before: following, whom: true };
}

function levelOf(li) {
  let level = 0;
  for (let at = li; at && at !== list; at = at.parentElement) if (at.tagName === "LI") level++;
  return level;
}

function branchOf(li) {
  const own = [...li.children].find((child) => child.matches("details.branch"));
  if (own) return own.querySelector("ol");
  const branch = document.createElement("details");
  branch.className = "branch";
  branch.open = true;
  branch.append(document.createElement("summary"), document.createElement("ol"));
  branch.firstElementChild.append(document.createElement("span"));
  branch.firstElementChild.firstElementChild.dataset.count = "";
  li.append(branch);
  return branch.lastElementChild;
}

export function put(li, place) {
  list.hidden = false;
  document.querySelector("#replies > .empty")?.remove();
  place.into.insertBefore(li, place.before);
  const title = document.getElementById("replies-title");
  title.dataset.count = Number(title.dataset.count) + 1;
  title.textContent = told(Number(title.dataset.count));
  for (let at = li.parentElement; at && at !== list; at = at.parentElement) {
    if (!at.matches("details.branch")) continue;
    at.querySelector("summary [data-count]").textContent = told(at.querySelectorAll("article.item").length);
  }
}

function told(count) {
  const said = document.getElementById("words").dataset;
  return count === 1 ? said.repliesOne : said.repliesMany.replace("{num}", count);
}

// Shows an item as it is now, where it stands; whoever is in it stays in it. Answers what took the place of an article.
export async function refresh(uid, number) {
  const old = shown(number);
  if (!old) return null;
  const fresh = await bring(uid, Boolean(old.querySelector(".whom")));
  if (!fresh || !old.isConnected) return null;
  const within = old.contains(document.activeElement);
  if (number) {
    const article = fresh.querySelector("article");
    if (old.classList.contains("new")) article.classList.add("new");
    old.replaceWith(article);
    if (within) article.focus({ preventScroll: true });
    return article;
  } else {
    old.querySelectorAll(":scope > :is(.words, .warning, .gap, .poll, .files, .foot)").forEach((part) => part.remove());
    old.append(...fresh.childNodes);
    if (within) old.focus({ preventScroll: true });
  }
  return null;
}
