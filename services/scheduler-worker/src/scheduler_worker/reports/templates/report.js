"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const live = document.getElementById("live");
  const say = (text) => { live.textContent = text; };
  for (const tool of all("[data-needs-script]")) tool.hidden = false;

  // Numbers have more digits than a browser's own numbers keep.
  const order = { number: (a, b) => { const x = BigInt(a), y = BigInt(b); return x < y ? -1 : x > y ? 1 : 0; },
                  text: (a, b) => a.localeCompare(b, undefined, { sensitivity: "base", numeric: true }) };
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value ?? cell.textContent.trim();
  };
  for (const table of all("table[data-sortable]")) {
    all("thead th[data-sort]", table).forEach((head) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const isNumber = head.dataset.sort === "number";
        const was = head.getAttribute("aria-sort");
        const down = was === null ? isNumber : was === "ascending";
        for (const other of all("thead th[aria-sort]", table)) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const compare = order[head.dataset.sort];
        const rows = [...table.tBodies[0].rows].map((row, place) => [row, place, valueOf(row, head.cellIndex)]);
        rows.sort((a, b) => (down ? -1 : 1) * compare(a[2], b[2]) || a[1] - b[1]);
        table.tBodies[0].append(...rows.map(([row]) => row));
        say(`Sorted by ${button.textContent}, ${down ? "largest" : "smallest"} first`);
      });
    });
  }

  for (const field of all("input[data-filters]")) {
    const items = all(field.dataset.filters);
    const rows = items.filter((item) => item.tagName === "TR");
    const count = document.getElementById(field.dataset.count);
    const filter = () => {
      const words = field.value.trim().toLocaleLowerCase();
      for (const item of items) item.hidden = !item.dataset.name.toLocaleLowerCase().includes(words);
      const shown = rows.filter((row) => !row.hidden).length;
      count.textContent = words === "" ? "" : `${shown} of ${rows.length} shown`;
    };
    field.addEventListener("input", filter);
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { field.value = ""; filter(); }
    });
  }

  const people = () => all("details.person");
  const folded = () => all("details");
  for (const button of all("button[data-expands]")) {
    button.addEventListener("click", () => {
      const opens = button.getAttribute("aria-pressed") !== "true";
      for (const person of people()) person.open = opens;
      button.setAttribute("aria-pressed", String(opens));
    });
  }
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) {
      target.hidden = false;
      target.open = true;
      target.scrollIntoView();
      target.querySelector("summary").focus({ preventScroll: true });
    }
  };
  addEventListener("hashchange", reveal);
  if (location.hash !== "") reveal();

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...closed, ...folded().filter((part) => !part.open)];
    for (const person of closed) person.open = true;
  });
  addEventListener("afterprint", () => { for (const person of closed) person.open = false; closed = []; });

  for (const button of all("button[data-copies]")) {
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copies);
      try {
        await navigator.clipboard.writeText(source.textContent);
        say("Copied");
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(source);
        say("Selected; copy it with your keyboard");
        button.textContent = "Selected";
      }
    });
  }
})();
