// What this page has seen, newest first; it lives as long as the page.

import { $, el } from "./dom.js";

const MOST = 100;
const entries = [];
let reopen = () => {};

export function onReopen(callback) {
  reopen = callback;
}

export function remember(entry) {
  if (!entries.includes(entry)) entries.unshift(entry);
  entries.length = Math.min(entries.length, MOST);
  $("history-list").replaceChildren(...entries.map((each) => el("li", "", line(each))));
}

function line(entry) {
  const state = entry.verdict || (entry.result.changed ? "rewritten" : "left as it was");
  const said = el("span", entry.kept.trim().slice(0, 200) || "nothing");
  const hint = el("span", state);
  said.className = "said";
  hint.className = "hint";
  const button = el("button", "", said, hint);
  button.type = "button";
  button.addEventListener("click", () => reopen(entry));
  return button;
}
