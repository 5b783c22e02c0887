// A thread that is open: what is said meanwhile, the form for an answer, the keys, the buttons below each item.

import "./buttons.js";
import { enhance, follow } from "./composing.js";
import "./keys.js";
import { listen } from "./live.js";

const composer = document.getElementById("compose");
if (composer) enhance(composer);
follow();
listen(document.querySelector("[data-live]"));
