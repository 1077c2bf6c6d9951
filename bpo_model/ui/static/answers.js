// Two answers of the user's LLM side by side: to the prompt as it was, and to what is kept.

import { stream } from "./api.js";
import { $, el, say, show } from "./dom.js";

let entry = null;
let running = null;

export function setUpAnswers(llm) {
  show("answers", Boolean(llm));
  if (!llm) return;
  $("answers-where").textContent = `Sends your prompt and the text that you keep to ${llm.model} at ${llm.host}. One pair of answers proves little.`;
  $("ask").addEventListener("click", ask);
  $("ask-stop").addEventListener("click", () => running?.abort());
}

export function clearAnswers(next) {
  entry = next;
  running?.abort();
  show("answer-columns", false);
}

async function ask() {
  running?.abort();
  const own = running = new AbortController();
  const same = entry.kept === entry.result.original;
  $("answer-right-title").textContent = entry.verdict === "edited" ? "Your version" : "Rewrite";
  show("answer-columns", true);
  show("ask-stop", true);
  $("answer-right").parentElement.hidden = same;
  const texts = same ? [entry.result.original] : [entry.result.original, entry.kept];
  await Promise.all(texts.map((text, side) => fill($(side ? "answer-right" : "answer-left"), text, own)));
  if (running !== own) return;
  show("ask-stop", false);
  say("The answers are here.");
}

async function fill(target, prompt, own) {
  const text = document.createTextNode("");
  target.replaceChildren(text);
  target.setAttribute("aria-busy", "true");
  try {
    for await (const piece of stream("answer", { prompt }, own.signal)) {
      if (piece.text) text.data += piece.text;
      if (piece.error) fail(target, piece.error);
    }
  } catch (error) {
    if (running === own) fail(target, own.signal.aborted ? "stopped" : error.message);
  }
  if (running === own) target.setAttribute("aria-busy", "false");
}

function fail(target, message) {
  const line = el("span", message);
  line.className = "error";
  target.append(line);
}
