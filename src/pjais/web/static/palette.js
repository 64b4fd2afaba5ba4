// Quick open: Ctrl-K (or the field at the top) finds records, tables and places, and Enter goes there.  Keys beside it:
// g and a letter go to a place, / filters the list, ? shows all of them.  Without this script the field leads to /search.
"use strict";
(() => {
  const field = document.querySelector("form[data-quick] input");
  if (!field) return;
  const places = { o: "/", i: "/import", p: "/personas", m: "/memories", c: "/conversations", t: "/tables", h: "/history",
    n: "/insights", v: "/cutover", q: "/quarantine", s: "/settings" };
  let dialog, input, list, asked = 0, waiting = 0, chosen = 0, goes = false;

  function built() {
    dialog = document.createElement("dialog");
    dialog.className = "palette";
    dialog.setAttribute("aria-label", "Search or jump to");
    const ask = document.createElement("div");
    ask.className = "ask";
    ask.append(icon("search"));
    input = document.createElement("input");
    input.type = "text";
    input.autocomplete = "off";
    for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "true", "aria-controls": "found",
      "aria-autocomplete": "list", "aria-label": "Search or jump to", maxlength: "2000" })) input.setAttribute(name, value);
    const key = document.createElement("kbd");
    key.textContent = "Esc";
    ask.append(input, key);
    list = document.createElement("div");
    list.className = "found";
    list.id = "found";
    list.tabIndex = -1;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Results");
    dialog.append(ask, list);
    document.body.append(dialog);
    input.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(find, 60); });
    input.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) { event.preventDefault(); choose(chosen + step); }
      else if (event.key === "Enter") { event.preventDefault(); go(options()[chosen], event.ctrlKey || event.metaKey); }
    });
    list.addEventListener("click", (event) => go(event.target.closest("[role=option]"), event.ctrlKey || event.metaKey));
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  }

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `/static/icons.svg#${name}`);
    svg.append(use);
    return svg;
  }

  const options = () => [...list.querySelectorAll("[role=option]")];

  function choose(number) {
    const all = options();
    if (!all.length) return;
    chosen = (number + all.length) % all.length;
    all.forEach((one, place) => one.setAttribute("aria-selected", String(place === chosen)));
    input.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({ block: "nearest" });
  }

  function go(option, beside) {
    if (!option) return;
    if (beside) window.open(option.dataset.address, "_blank", "noopener");
    else { dialog.close(); location.assign(option.dataset.address); }
  }

  async function find() {
    const mine = ++asked;
    let told;
    try {
      const answer = await fetch(`/api/search?${new URLSearchParams({ q: input.value })}`);
      if (!answer.ok) return;
      told = await answer.json();
    } catch { return; }
    if (mine !== asked) return;
    list.replaceChildren();
    let group, box;
    told.found.forEach((one, number) => {
      if (one.group !== group) {
        group = one.group;
        box = document.createElement("div");
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", group);
        const title = document.createElement("h3");
        title.setAttribute("role", "presentation");
        title.textContent = group;
        box.append(title);
        list.append(box);
      }
      const option = document.createElement("div");
      option.className = "option";
      option.id = `found-${number}`;
      option.setAttribute("role", "option");
      option.dataset.address = one.address;
      const name = document.createElement("span");
      name.className = "cut";
      name.textContent = one.name;
      const kind = document.createElement("span");
      kind.className = "kind";
      kind.textContent = one.about;
      option.append(icon(one.icon), name, kind);
      box.append(option);
    });
    choose(0);
  }

  function open() {
    if (!dialog) built();
    if (dialog.open) return;
    dialog.showModal();
    input.value = field.value;
    input.select();
    find();
  }

  field.addEventListener("click", open);
  field.addEventListener("input", open);
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open(); return; }
    const at = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || at.closest?.("input, textarea, select, dialog")) return;
    if (goes && places[event.key]) {
      event.preventDefault();
      location.assign(places[event.key]);
    }
    goes = event.key === "g";
    if (event.key === "?") location.assign("/settings#keys");
    else if (event.key === "/") {
      const filter = document.querySelector("main input[type=search]");
      if (filter) { event.preventDefault(); filter.focus(); }
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.closest?.("form[data-ctrl-enter]")?.requestSubmit();
  });
})();
