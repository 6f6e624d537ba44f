"use strict";
(() => {
  const value = cell => cell === undefined ? "" : cell.dataset.v !== undefined ? Number(cell.dataset.v) : cell.textContent;
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  for (const table of document.querySelectorAll("table[id]")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      const empty = row => value(row.cells[column]) === "";
      rows.sort((a, b) => empty(a) - empty(b) || (down ? -1 : 1) * compare(value(a.cells[column]), value(b.cells[column])));
      table.tBodies[0].append(...rows);
    }));
  }
  const filter = input => {
    const words = input.value.toLowerCase().split(/\s+/).filter(word => word);
    const rows = [...document.getElementById(input.dataset.table).tBodies[0].rows];
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase() + " ";
      row.hidden = !words.every(word => text.includes(word));
      shown += !row.hidden;
    }
    document.getElementById(input.dataset.table + "-count").textContent = shown;
  };
  for (const input of document.querySelectorAll("input[data-table]")) input.addEventListener("input", () => filter(input));
  for (const tile of document.querySelectorAll(".ccd[data-ccd]")) tile.addEventListener("click", () => {
    for (const input of document.querySelectorAll("input[data-table]")) {
      input.value = input.value === tile.dataset.ccd ? "" : tile.dataset.ccd;
      filter(input);
    }
  });
  const figures = () => (window.Bokeh?.documents ?? []).flatMap(doc => doc.roots());
  for (const key of document.querySelectorAll(".keys button[data-ccd]")) key.addEventListener("click", () => {
    const on = key.getAttribute("aria-pressed") !== "true";
    key.setAttribute("aria-pressed", String(on));
    const sources = new Set(figures().flatMap(figure => figure.renderers).map(drawn => drawn.data_source));
    for (const source of sources) {
      const ccds = source.data.ccd, alpha = Float32Array.from(source.data.alpha);
      for (let k = 0; k < ccds.length; k++) if (ccds[k] === key.dataset.ccd) alpha[k] = on ? 0.75 : 0;
      source.data = {...source.data, alpha};
    }
  });
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const style = getComputedStyle(document.documentElement);
    const text = style.getPropertyValue("--text").trim(), line = style.getPropertyValue("--soft").trim();
    for (const figure of figures()) {
      figure.title.text_color = text;
      figure.outline_line_color = line;
      for (const axis of [...figure.below, ...figure.left]) {
        axis.axis_label_text_color = text; axis.major_label_text_color = text;
        axis.axis_line_color = line; axis.major_tick_line_color = line; axis.minor_tick_line_color = null;
      }
      for (const part of figure.center) if ("grid_line_color" in part) part.grid_line_color = line;
    }
  };
  dark.addEventListener("change", paint);
  const wait = () => figures().length ? paint() : setTimeout(wait, 50);
  if (document.querySelector(".plot")) wait();
})();
