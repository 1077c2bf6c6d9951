"use strict";
(() => {
  const pairs = Array.from(document.querySelectorAll(".pair"));
  const texts = pairs.map((pair) => pair.textContent.toLowerCase());
  const buttons = Array.from(document.querySelectorAll(".tools button"));
  const search = document.querySelector(".tools input");
  const shown = document.querySelector("#shown");
  let outcome = "all";

  function show() {
    const wanted = search.value.trim().toLowerCase();
    let count = 0;
    pairs.forEach((pair, place) => {
      const fits = (outcome === "all" || pair.dataset.outcome === outcome) && texts[place].includes(wanted);
      pair.hidden = !fits;
      count += fits;
    });
    shown.textContent = count + " of " + pairs.length + " shown";
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.outcome === outcome)));
  }

  buttons.forEach((button) => button.addEventListener("click", () => { outcome = button.dataset.outcome; show(); }));
  search.addEventListener("input", show);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); }
    if (event.key === "Escape" && document.activeElement === search) { search.value = ""; show(); }
  });
  document.querySelector(".tools").hidden = false;
  show();
})();
