// A file of prompts: upload, progress, cancel, download.

import { get, post } from "./api.js";
import { $, el, renderSegments, say, show } from "./dom.js";

const EVERY_MS = 300;
const STATES = { running: "Rewriting", done: "Done", cancelled: "Cancelled", failed: "It failed" };

export function setUpBatch() {
  $("file").addEventListener("change", () => {
    take($("file").files[0]);
    $("file").value = "";
  });
  $("batch-cancel").addEventListener("click", async () => render(await post("batch/cancel", {})));
  const drop = $("drop");
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
}

// After a reload: a file goes on without the page.
export async function resumeBatch() {
  const batch = await get("batch");
  if (batch) await follow(batch);
}

async function take(file) {
  if (!file) return;
  show("file-problem", false);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await file.arrayBuffer());
    await follow(await post("batch", { name: file.name, text }));
  } catch (error) {
    const message = error instanceof TypeError ? `${file.name} is not text in UTF-8.` : error.message;
    show("file-problem", true, message);
  }
}

async function follow(batch) {
  render(batch);
  while (batch.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    batch = await get("batch");
    render(batch);
  }
  say(`${STATES[batch.state]}. ${batch.done} of ${batch.total} prompts.`);
}

function render(batch) {
  const done = batch.state === "done";
  show("batch", true);
  $("batch-title").textContent = `${STATES[batch.state]}: ${batch.name}`;
  const counts = `${batch.changed} rewritten, ${batch.total - batch.changed - batch.failed} left as they were, ${batch.failed} failed`;
  $("batch-count").textContent = done ? counts : batch.error || `${batch.done} of ${batch.total}`;
  $("batch-progress").max = batch.total;
  $("batch-progress").value = batch.done;
  show("batch-progress", batch.state === "running");
  show("batch-cancel", batch.state === "running");
  show("batch-download", done);
  $("batch-download").href = `/api/batch/${batch.id}/records.jsonl`;
  $("batch-rows").replaceChildren(...batch.rows.map(row));
  show("batch-more", batch.total > batch.rows.length && done, `The first ${batch.rows.length}; the download has all.`);
}

function row(record) {
  const text = el("div");
  text.className = "changes";
  renderSegments(text, record.segments);
  const why = el("p", record.state === "changed" ? `Line ${record.line}, rewritten` : `Line ${record.line}, ${record.state}: ${record.why}`);
  why.className = "hint";
  return el("li", "", text, why);
}
