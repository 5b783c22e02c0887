// What a page does beyond its links and forms. Everything here works without it too, a little slower.

import "./menus.js";
import "./copying.js";
import "./paging.js";

// What only some pages need comes when it is needed; nothing of a page waits for it.
if (document.querySelector("[data-live]")) import("./thread.js");
