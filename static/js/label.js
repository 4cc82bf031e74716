// The label page: time taken, type-to-filter, and answers that survive a lost connection.
"use strict";

(() => {
  const FIRST_WAIT = 1000;
  const LONGEST_WAIT = 15000;
  let shownAt = performance.now();
  let pressed = null; // the button of the answer that is under way
  let wait = FIRST_WAIT;
  let timer = 0;

  document.addEventListener("winnow:item", () => {
    shownAt = performance.now();
    pressed = null;
    wait = FIRST_WAIT;
    clearTimeout(timer);
    sayUnsent("");
    prepareFilter();
  });

  document.addEventListener(
    "submit",
    (event) => {
      if (event.submitter) pressed = event.submitter;
      const seconds = event.target.elements.seconds;
      if (seconds && !seconds.value) seconds.value = ((performance.now() - shownAt) / 1000).toFixed(2);
      pressed?.classList.add("pressed");
    },
    true,
  );

  // A POST that got no answer is sent again as it was: its lease makes a repeat count once.
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(name, (event) => {
      if (event.detail.requestConfig?.verb !== "post" || !pressed) return;
      sayUnsent(`Not sent yet: Winnow cannot be reached. Your answer is kept here and sent again in ${Math.ceil(wait / 1000)} s.`);
      clearTimeout(timer);
      timer = setTimeout(sendAgain, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    });
  }
  window.addEventListener("online", () => document.getElementById("unsent").hidden || sendAgain());
  window.addEventListener("beforeunload", (event) => {
    if (!document.getElementById("unsent").hidden) event.preventDefault();
  });

  function sendAgain() {
    clearTimeout(timer);
    if (pressed?.isConnected) pressed.click();
  }

  function sayUnsent(text) {
    const note = document.getElementById("unsent");
    note.textContent = text;
    note.hidden = !text;
  }

  // While an answer is kept for sending, no other one overtakes it.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("#item button");
    if (button && winnow.busy && pressed && button !== pressed) event.preventDefault();
  }, true);

  const filter = () => document.getElementById("filter");
  const choices = () => [...document.querySelectorAll("#answer [name=label]")];
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  function prepareFilter() {
    const field = filter();
    if (!field) return;
    if (matchMedia("(pointer: fine)").matches) field.focus({ preventScroll: true });
    field.addEventListener("input", () => narrow(plain(field.value.trim())));
    field.addEventListener("keydown", typed);
  }

  /** Show the labels that contain the text, best first letters first in line for the keys 1 to 9 and 0. */
  function narrow(text) {
    const shown = choices().filter((button) => {
      button.hidden = !plain(button.querySelector("span").textContent).includes(text);
      return !button.hidden;
    });
    choices().forEach((button) => giveKey(button, ""));
    shown.slice(0, 10).forEach((button, place) => giveKey(button, "1234567890"[place]));
    document.getElementById("matches").textContent = `${shown.length} labels`;
  }

  function giveKey(button, key) {
    const hint = button.querySelector("kbd");
    button.dataset.keys = key;
    hint.textContent = key;
    hint.hidden = !key;
  }

  function typed(event) {
    if (event.ctrlKey || event.metaKey || event.isComposing || event.altKey) return;
    if (event.key === "Enter") {
      event.preventDefault();
      if (!event.repeat) winnow.press(choices().find((button) => !button.hidden));
    } else if (/^[0-9]$/.test(event.key)) {
      event.preventDefault();
      if (!event.repeat) winnow.press(winnow.target(event.key));
    } else if (event.key === "?" && !filter().value) {
      event.preventDefault();
      winnow.press(winnow.target("?"));
    } else if (event.key === "Escape") {
      event.preventDefault();
      leaveFilter();
    }
  }

  function leaveFilter() {
    if (filter().value) {
      filter().value = "";
      narrow("");
    } else {
      document.getElementById("item").focus({ preventScroll: true });
    }
  }

  // Alt with a letter reaches the other answers while one types.
  document.addEventListener("keydown", (event) => {
    const letter = /^Key([OSU])$/.exec(event.code)?.[1];
    if (!event.altKey || event.ctrlKey || event.metaKey || !letter || !filter()) return;
    event.preventDefault();
    if (!event.repeat) winnow.press(winnow.target(letter.toLowerCase()));
  });
})();
