// Plots of the project page, drawn from figures.json; every plot has a table beside it.
"use strict";

document.documentElement.classList.add("js");

(() => {
  const HEIGHT = 288;
  const plots = new Map();
  let version = "";
  let figures = null;

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const percent = (share) => (share == null ? "–" : `${(100 * share).toFixed(1)} %`);

  function axis(extra) {
    const line = { stroke: color("--line"), width: 1 };
    return { stroke: color("--quiet"), font: "12px system-ui, sans-serif", grid: line, ticks: line, ...extra };
  }

  function curve(holder, data) {
    const points = data.curve.filter((point) => point.accuracy != null);
    if (!points.length) return say(holder, "The curve starts when 30 items of the audit's reporting half are answered.");
    const accent = color("--accent");
    const edge = { stroke: color("--quiet"), width: 0.5, points: { show: false }, value: (_, value) => percent(value) };
    const options = {
      legend: { markers: { show: false } },
      scales: { x: { time: false, range: around }, y: { range: (_, low, high) => [Math.max(0, low - 0.05), Math.min(1, high + 0.05)] } },
      bands: [{ series: [2, 1], fill: color("--accent-soft") }],
      axes: [axis({ label: "Labels used", labelFont: "12px system-ui, sans-serif", labelSize: 22 }), axis({ size: 56, values: (_, ticks) => ticks.map((tick) => `${Math.round(tick * 1000) / 10} %`) })],
      series: [
        { label: "Labels" },
        { label: "Low", ...edge },
        { label: "High", ...edge },
        { label: "Accuracy", stroke: accent, width: 2, points: { show: true, size: 7, fill: accent }, value: (_, value) => percent(value) },
      ],
    };
    const columns = [points.map((p) => p.labels), points.map((p) => p.low), points.map((p) => p.high), points.map((p) => p.accuracy)];
    draw(holder, options, columns);
  }

  /** Room for a single point, too. */
  const around = (_, low, high) => (low === high ? [low - 10, high + 10] : [low, high]);

  function draw(holder, options, columns) {
    plots.get(holder)?.destroy();
    holder.replaceChildren();
    const size = { width: holder.clientWidth, height: HEIGHT };
    plots.set(holder, new uPlot({ ...size, ...options }, columns, holder));
  }

  function say(holder, text) {
    const note = document.createElement("p");
    note.className = "plot-note";
    note.textContent = text;
    holder.replaceChildren(note);
  }

  function drawAll() {
    for (const holder of plots.keys()) if (!holder.isConnected) plots.delete(holder);
    for (const holder of document.querySelectorAll("[data-plot]")) curve(holder, figures);
  }

  async function load() {
    const holder = document.querySelector("[data-plot]");
    if (!holder) return;
    const answer = await fetch(holder.dataset.src, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    figures = await answer.json();
    drawAll();
  }

  document.addEventListener("DOMContentLoaded", () => {
    version = document.getElementById("live")?.dataset.version ?? "";
    load();
  });
  document.addEventListener("htmx:afterSettle", () => {
    const now = document.getElementById("live")?.dataset.version ?? "";
    if (now !== version) {
      version = now;
      htmx.trigger(document.body, "figures-changed");
    } else if (document.querySelector("[data-plot]:empty")) {
      load();
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => figures && drawAll());
  let resized = 0;
  window.addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(() => figures && drawAll(), 150);
  });
})();
