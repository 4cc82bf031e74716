// Keys: whatever carries data-keys="1 k" is clicked by these keys; data-opens names a dialog to open.
"use strict";

document.documentElement.classList.add("js");

const winnow = {
  /** True while a request is under way: keys wait, so that none reaches an item that is about to go. */
  busy: false,

  /** What the key presses here: a visible button or link, or nothing. */
  target(key) {
    const found = document.querySelectorAll(`[data-keys~="${CSS.escape(key)}"]`);
    return [...found].find((element) => !element.hidden && element.getClientRects().length);
  },

  press(element) {
    if (element && !winnow.busy) element.click();
  },
};

function isField(element) {
  return element instanceof Element && element.matches("select, textarea, input:not([type=hidden], [type=checkbox])");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (isField(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return; // it has a meaning of its own there
  const element = winnow.target(event.key) || winnow.target(event.key.toLowerCase());
  if (!element) return;
  event.preventDefault();
  if (!event.repeat) winnow.press(element); // a key held down answers once
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
});

/** Small pictures are shown with their own pixels. */
function sharpen(image) {
  if (image.naturalWidth && image.naturalWidth <= 128) image.classList.add("small");
}
document.addEventListener("load", (event) => event.target.matches?.("[data-picture]") && sharpen(event.target), true);

/** After a swap: the keyboard and the screen reader go on at the new item. */
function arrive() {
  const item = document.getElementById("item");
  if (!item) return;
  item.querySelectorAll("[data-picture]").forEach((image) => image.complete && sharpen(image));
  document.dispatchEvent(new CustomEvent("winnow:item", { detail: item }));
}
document.addEventListener("DOMContentLoaded", arrive);
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.requestConfig.verb === "get") return;
  winnow.busy = true;
  document.getElementById("item")?.setAttribute("aria-busy", "true");
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (!event.detail.elt.closest?.("#item") || event.detail.elt.id === "learning") return;
  winnow.busy = false;
  const item = document.getElementById("item");
  if (!item.contains(document.activeElement)) item.focus({ preventScroll: true });
  document.getElementById("announce").textContent = item.dataset.announce?.trim() || "";
  arrive();
});
