// One result: what changed, why, and what the user keeps of it.

import { post } from "./api.js";
import { clearAnswers } from "./answers.js";
import { $, el, renderSegments, renderTerms, say, seconds, show } from "./dom.js";
import { remember } from "./history.js";

const AGAIN = { always: "Rewrite anyway", aggressive: "Try harder" };
const KEPT = { accepted: "You keep the rewrite.", edited: "You keep your own version.", reverted: "You keep your prompt as it was." };
const STORED = { stored: " Stored.", secret: " Not stored: it looks as if it held a key or a password." };

let entry = null;

export const current = () => entry;

export function open(next) {
  entry = next;
  closeEdit();
  const result = entry.result;
  $("result").classList.toggle("changed", result.changed);
  show("result", true);
  $("outcome").textContent = result.changed ? "Rewritten and verified" : "Left as it was";
  const remembered = result.changed && result.tokens === 0 ? ", remembered" : "";
  $("cost").textContent = `${seconds(result.latency_ms)}, ${result.model}${remembered}`;
  $("why").textContent = result.detail ? `${result.why} ${result.detail}` : result.why;
  show("context", result.context_characters > 0, `The pasted text (${result.context_characters.toLocaleString("en")} characters) never passed through the model: it is the same, byte for byte.`);
  show("accept", result.changed);
  show("revert", result.changed);
  show("again", Boolean(result.again), AGAIN[result.again]);
  showKept();
  showReasons(result);
  clearAnswers(entry);
}

export function headline(result) {
  const changes = result.segments.filter(([kind]) => kind !== "same").length;
  return result.changed ? `Rewritten and verified, ${changes} marked changes.` : `Left as it was. ${result.why}`;
}

export async function decide(verdict, edited) {
  const at = entry;
  try {
    const said = await post("verdict", { id: at.result.id, verdict, edited });
    Object.assign(at, { verdict, kept: said.kept, segments: said.segments });
    at.note = (KEPT[verdict] || "") + (STORED[said.stored] ?? ` Not stored: ${said.stored}`).replace(/ Not stored: $/, "");
    show("problem", false);
    remember(at);
  } catch (error) {
    show("problem", true, error.message);
  }
  if (at === entry) showKept();
  say(at.note || "");
}

export async function copy() {
  try {
    await navigator.clipboard.writeText(entry.kept);
    show("kept", true, "Copied.");
  } catch {
    const range = document.createRange();
    range.selectNodeContents($("changes"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    show("kept", true, "The browser does not let this page copy. The text is selected instead.");
  }
  say($("kept").textContent);
}

export function openEdit() {
  $("edit").value = entry.kept;
  show("edit-form", true);
  show("actions", false);
  $("edit").focus();
}

export function closeEdit() {
  show("edit-form", false);
  show("actions", true);
}

export async function saveEdit() {
  const text = $("edit").value;
  if (!text.trim()) {
    say("Your version is empty.");
    return;
  }
  closeEdit();
  await decide("edited", text);
  $("result").focus();
}

function showKept() {
  renderSegments($("changes"), entry.segments);
  const buttons = { accept: "accepted", change: "edited", revert: "reverted" };
  for (const [id, verdict] of Object.entries(buttons)) $(id).setAttribute("aria-pressed", String(entry.verdict === verdict));
  show("kept", Boolean(entry.note), entry.note || "");
}

function showReasons(result) {
  show("strategies", result.strategies.length > 0);
  renderTerms($("strategy-list"), result.strategies.map((label) => [label.sentence, label.text]));
  const count = result.rejected.length;
  show("rejected", count > 0);
  $("rejected-title").textContent = count === 1 ? "Another rewrite was thrown away" : `${count} rewrites were thrown away`;
  if (!result.changed && count === 1) $("rejected-title").textContent = "The rewrite that was thrown away";
  $("rejected-list").replaceChildren(...result.rejected.map(rejectedItem));
  show("passed", result.passed.length > 0);
  $("passed-title").textContent = `All ${result.passed.length} checks passed`;
  renderTerms($("passed-list"), result.passed.map((check) => [check.name, check.sentence]));
  $("passed").open = false;
}

function rejectedItem(candidate) {
  const fired = candidate.checks.map((check) => {
    const line = el("p", "", el("b", check.name), document.createTextNode(`: ${check.detail}. ${check.sentence}`));
    line.className = "fired";
    return line;
  });
  return el("li", "", el("blockquote", candidate.text), ...fired);
}
