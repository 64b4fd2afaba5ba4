// Selection in lists of records, and the keys that move in them: j and k, x, Enter, u.  Forms and links do the work;
// this script counts what is selected, takes ranges with Shift, and moves the focus.
"use strict";
(() => {
  const boxes = () => [...document.querySelectorAll("[data-row] .pick input[type=checkbox]")];
  let last = null;

  function count() {
    const all = boxes(), chosen = all.filter((one) => one.checked);
    for (const out of document.querySelectorAll("[data-count]")) {
      const every = out.parentElement.querySelector("input[name=all]");
      out.textContent = every?.checked ? "All selected" : `${chosen.length} selected`;
    }
    for (const one of document.querySelectorAll("[data-all]")) {
      one.hidden = all.length === 0;
      one.checked = all.length > 0 && chosen.length === all.length;
      one.indeterminate = chosen.length > 0 && chosen.length < all.length;
    }
  }

  document.addEventListener("click", (event) => {
    const box = event.target.closest?.("[data-row] .pick input[type=checkbox]");
    if (!box) return;
    const all = boxes(), from = all.indexOf(last), to = all.indexOf(box);
    if (event.shiftKey && from >= 0) {
      for (const one of all.slice(Math.min(from, to), Math.max(from, to) + 1)) one.checked = box.checked;
    }
    last = box;
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-all]")) for (const one of boxes()) one.checked = event.target.checked;
    count();
  });
  document.addEventListener("shown", count);
  window.addEventListener("pageshow", count);

  const rows = () => [...document.querySelectorAll("[data-row]")];
  function move(by) {
    const all = rows(), at = all.indexOf(document.activeElement?.closest("[data-row]"));
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
    next?.querySelector("a[href]")?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("keydown", (event) => {
    const at = document.activeElement;
    const typing = at?.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const row = at?.closest("[data-row]");
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "x" && row) row.querySelector(".pick input").click();
    else if (event.key === "Enter" && row && at.type === "checkbox") row.querySelector("a[href]").click();
    else if (event.key === "u") document.querySelector("#toasts form button")?.click();
    else return;
    event.preventDefault();
  });
  count();
})();
