// Sorts a table by a column: each heading becomes a button that goes up, down and back to the order of the page.
// Without this script the page is whole; the files to download are links, and need none.
(() => {
  const EMPTY = new Set(["", "–", "not run", "no runs"]);

  const shown = cell => {
    if (cell.dataset.value !== undefined) return cell.dataset.value;
    const part = cell.querySelector("b, svg text") ?? cell;
    return part.textContent.trim();
  };
  const number = text => {
    const found = text.replace(/−/g, "-").replace(/[,\u00a0]/g, "").match(/^(?:[+<±×]|\[)?\s*([-+]?\d*\.?\d+(?:e[-+]?\d+)?)/i);
    return found ? parseFloat(found[1]) : null;
  };

  // Rows that share a heading each get their own, so that they can part.
  const apart = rows => rows.forEach((row, index) => {
    for (const cell of [...row.querySelectorAll("th[rowspan]")]) {
      const span = cell.rowSpan;
      cell.removeAttribute("rowspan");
      for (let below = 1; below < span; below++) rows[index + below].prepend(cell.cloneNode(true));
    }
  });

  const sorted = (rows, column, down) => {
    const keyed = rows.map(row => {
      const text = row.cells[column] ? shown(row.cells[column]) : "";
      const empty = EMPTY.has(text) || !!row.cells[column].querySelector(".missing");
      return { row, text, value: empty ? null : number(text), empty };
    });
    const full = keyed.filter(entry => !entry.empty);
    const numeric = full.every(entry => entry.value !== null);
    full.sort((a, b) => (down ? -1 : 1) * (numeric
      ? a.value - b.value
      : a.text.localeCompare(b.text, "en", { numeric: true })));
    return [...full, ...keyed.filter(entry => entry.empty)].map(entry => entry.row);  // what is not there comes last
  };

  // A table that fits its frame needs no frame that scrolls: its head then stays in sight.
  const fit = () => document.querySelectorAll("figure .wide").forEach(frame => {
    frame.classList.remove("fits");
    frame.classList.toggle("fits", frame.scrollWidth <= frame.clientWidth + 1);
  });
  addEventListener("resize", fit);
  document.addEventListener("toggle", fit, true);

  // Details of a score open above it where there is no room below; Escape closes them.
  const opened = event => {
    const details = event.target.closest?.(".score:not(.closed)")?.querySelector(".details");
    if (!details) return;
    details.style.top = details.style.bottom = "";
    const { bottom } = details.getBoundingClientRect();
    if (bottom > innerHeight) Object.assign(details.style, { top: "auto", bottom: "calc(100% + .2rem)" });
  };
  for (const name of ["pointerover", "focusin"]) document.addEventListener(name, opened);
  document.addEventListener("keydown", event => {
    if (event.key !== "Escape") return;
    if (document.activeElement?.matches(".score")) document.activeElement.blur();
    document.querySelectorAll(".score:hover").forEach(score => {
      score.classList.add("closed");
      score.addEventListener("pointerleave", () => score.classList.remove("closed"), { once: true });
    });
  });

  for (const table of document.querySelectorAll("figure.table table")) {
    const body = table.tBodies[0];
    const heads = [...(table.tHead?.rows[0]?.cells ?? [])];
    if (!body || body.rows.length < 2) continue;
    const asMade = [...body.rows].map(row => row.cloneNode(true));
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...[...head.childNodes].filter(node => node.nodeName !== "SMALL"));
      button.title = "Sort by this column";
      head.prepend(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")];
        heads.forEach(other => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", next);
        let rows = asMade.map(row => row.cloneNode(true));
        if (next !== "none") {
          apart(rows);
          rows = sorted(rows, column, next === "descending");
        }
        body.replaceChildren(...rows);
      });
    });
  }
  fit();  // last: the headings have their arrows now
})();
