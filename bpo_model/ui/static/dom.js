// Everything goes into the page as text. The server's policy lets no script turn text into HTML.

export const $ = (id) => document.getElementById(id);

export function el(tag, text = "", ...children) {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
}

export function show(id, shown, text) {
  $(id).hidden = !shown;
  if (text !== undefined) $(id).textContent = text;
}

// For screen readers; the second turn of the event loop makes an equal sentence heard again.
export function say(text) {
  $("live").textContent = "";
  setTimeout(() => { $("live").textContent = text; }, 50);
}

function hidden(text) {
  const node = el("span", text);
  node.className = "visually-hidden";
  return node;
}

// Color, line and a word for those who hear it: no change is told by color alone.
export function renderSegments(target, segments) {
  const marks = { added: ["ins", "[added: "], removed: ["del", "[removed: "] };
  target.replaceChildren(...segments.map(([kind, text]) => {
    if (!marks[kind]) return document.createTextNode(text);
    const [tag, word] = marks[kind];
    return el(tag, "", hidden(word), document.createTextNode(text), hidden("]"));
  }));
}

// Terms and their explanations, as a list of definitions.
export function renderTerms(target, terms) {
  target.replaceChildren(...terms.map(([term, explanation]) => el("div", "", el("dt", term), el("dd", explanation))));
}

export function seconds(ms) {
  return ms < 1 ? "at once" : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
