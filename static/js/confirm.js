// The page of labels to confirm: arrows go from one to the next, x marks, Enter confirms the rest.
"use strict";

(() => {
  const PAUSE = 400; // ms: a second Enter in a row does not confirm a page that nobody has looked at
  let shownAt = 0;

  const boxes = () => [...document.querySelectorAll("#confirm [name=not]")];

  document.addEventListener("winnow:item", () => {
    shownAt = performance.now();
    say("");
    count();
  });
  document.addEventListener("change", (event) => event.target.matches("[name=not]") && count());

  /** The button says how many it confirms. */
  function count() {
    const shown = document.querySelector("#confirm [data-count]");
    if (shown) shown.textContent = boxes().filter((box) => !box.checked).length;
  }

  document.addEventListener(
    "submit",
    (event) => {
      if (event.target.id !== "confirm" || performance.now() - shownAt > PAUSE) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const all = boxes();
    const place = all.indexOf(document.activeElement);
    if (event.key.toLowerCase() === "x" && place >= 0) {
      event.preventDefault();
      if (!event.repeat) all[place].click();
    } else if (event.key.startsWith("Arrow") && all.length) {
      event.preventDefault();
      all[place < 0 ? 0 : next(all, place, event.key)].focus();
    }
  });

  /** Where an arrow leads: the neighbour in its direction, or the same one at the edge. */
  function next(all, place, key) {
    const top = (box) => box.closest("li").offsetTop;
    const columns = all.filter((box) => top(box) === top(all[0])).length;
    const there = place + { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
    return all[there] ? there : place;
  }

  // The lease makes a repeat count once, so what did not get through may be sent again.
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(name, () => {
      winnow.busy = false;
      document.getElementById("item").removeAttribute("aria-busy");
      say("Not sent: Winnow cannot be reached. Your marks are kept; send them again.");
    });
  }

  function say(text) {
    const note = document.getElementById("unsent");
    note.textContent = text;
    note.hidden = !text;
  }
})();
