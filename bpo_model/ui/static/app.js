// Wires the page: what the keys and buttons do.

import { setUpAnswers } from "./answers.js";
import { get, post } from "./api.js";
import { resumeBatch, setUpBatch } from "./batch.js";
import { $, say, show } from "./dom.js";
import { onReopen, remember } from "./history.js";
import { closeEdit, copy, current, decide, headline, open, openEdit, saveEdit } from "./result.js";

let waiting = null;

async function rewrite(prompt, again = "") {
  if (!prompt.trim()) {
    show("problem", true, "Type a prompt first.");
    $("prompt").focus();
    return;
  }
  waiting?.abort();
  const own = waiting = new AbortController();
  setBusy(true);
  try {
    const result = await post("rewrite", { prompt, again }, own.signal);
    const entry = { result, kept: result.text, segments: result.segments, verdict: "", note: "" };
    open(entry);
    remember(entry);
    $("result").focus();
    say(headline(result));
  } catch (error) {
    const message = own.signal.aborted ? "Cancelled. Your prompt is as it was." : error.message;
    if (waiting === own) show("problem", true, message);
  }
  if (waiting === own) setBusy(false);
}

function setBusy(busy) {
  if (!busy) waiting = null;
  else show("problem", false);
  $("rewrite").disabled = busy;
  $("rewrite").textContent = busy ? "Rewriting…" : "Rewrite";
  show("cancel", busy);
  if (busy) say("Rewriting.");
}

function view(name) {
  for (const each of ["prompt", "file"]) {
    show(`${each}-view`, each === name);
    if (each === name) $(`to-${each}`).setAttribute("aria-current", "page");
    else $(`to-${each}`).removeAttribute("aria-current");
  }
}

const ACTIONS = { a: "accept", e: "change", r: "revert", c: "copy" };

function onKey(event) {
  const command = event.ctrlKey || event.metaKey;
  if (event.key === "Enter" && command && event.target.id === "prompt") rewrite($("prompt").value);
  else if (event.key === "Enter" && command && event.target.id === "edit") saveEdit();
  else if (event.key === "Escape") escape(event);
  // Letters act only while the result has the focus: speech control and screen readers type letters too.
  else if (!command && !event.altKey && event.target.closest("#result")) {
    const id = ACTIONS[event.key.toLowerCase()];
    if (!id || $(id).hidden || $("actions").hidden) return;
    $(id).click();
  } else return;
  event.preventDefault();
}

function escape(event) {
  if (waiting) waiting.abort();
  else if (event.target.id === "edit") leaveEdit();
  else if (!$("prompt-view").hidden) $("prompt").focus();
}

function leaveEdit() {
  closeEdit();
  $("result").focus();
}

function setUpButtons() {
  $("prompt-form").addEventListener("submit", (event) => {
    event.preventDefault();
    rewrite($("prompt").value);
  });
  $("edit-form").addEventListener("submit", (event) => {
    event.preventDefault();
    saveEdit();
  });
  const clicks = {
    "cancel": () => waiting?.abort(),
    "accept": () => decide("accepted"),
    "change": openEdit,
    "revert": () => decide("reverted"),
    "copy": copy,
    "again": () => rewrite(current().result.original, current().result.again),
    "edit-cancel": leaveEdit,
    "to-prompt": () => view("prompt"),
    "to-file": () => view("file"),
  };
  for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
  document.addEventListener("keydown", onKey);
  onReopen((entry) => {
    $("prompt").value = entry.result.original;
    open(entry);
    $("result").focus();
  });
}

async function start() {
  setUpButtons();
  setUpBatch();
  const about = await get("about");
  const stored = about.feedback ? `What you decide is stored in ${about.feedback}.` : "Nothing is stored.";
  $("about").textContent = `bpo ${about.version}, ${about.model}. Runs on this machine. ${stored}`;
  setUpAnswers(about.llm);
  await resumeBatch();
}

start().catch((error) => show("problem", true, error.message));
