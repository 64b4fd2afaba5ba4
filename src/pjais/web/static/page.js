// Everything works without this script; with it, lists follow what is typed, and pages follow what changes.
// There is one thing it does: it asks for an address again, and puts the parts marked data-live in their places.
"use strict";
(() => {
  let turn = 0;

  async function show(address) {
    const mine = ++turn;
    let answer;
    try {
      answer = await fetch(address, { headers: { accept: "text/html" } });
    } catch {
      return; // the page's program has ended; what is shown stays
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== turn || !answer.ok) return;
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = fresh.getElementById(part.id);
      if (other && other.outerHTML !== part.outerHTML && !beingEdited(part)) replace(part, document.adoptNode(other));
    }
    document.dispatchEvent(new Event("pjais:shown"));
  }

  // What somebody types into, or has opened, is not taken away from under them.
  function beingEdited(part) {
    const at = document.activeElement;
    return part.contains(at) && ["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName);
  }

  function replace(part, other) {
    const at = part.contains(document.activeElement) ? document.activeElement : null;
    const open = [...part.querySelectorAll("details[open]")].map((one) => one.id).filter(Boolean);
    part.replaceWith(other);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (!at) return;
    const same = [...other.querySelectorAll(at.tagName)].find(
      (one) => (at.id && one.id === at.id) || (at.href && one.href === at.href) ||
        (!at.id && !at.href && one.textContent === at.textContent));
    same?.focus({ preventScroll: true });
  }

  // Search as you type, filters, the slider of time: a form marked data-typing is asked again at each change.
  let waiting = 0;
  function asked(form) {
    const query = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...query]) if (value === "") query.delete(name);
    const address = form.getAttribute("action") + (query.size ? `?${query}` : "");
    history.replaceState(null, "", address);
    show(address);
  }
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-typing]");
    if (event.target.type === "range") {
      for (const out of document.querySelectorAll(`output[for="${event.target.id}"]`)) out.textContent = event.target.value;
    }
    if (!form) return;
    clearTimeout(waiting);
    waiting = setTimeout(asked, 60, form);
  });
  document.addEventListener("submit", (event) => {
    const question = event.target.getAttribute("data-ask");
    if (question && !window.confirm(question)) event.preventDefault();
    else if (event.target.matches("form[data-typing]")) {
      event.preventDefault();
      clearTimeout(waiting);
      asked(event.target);
    }
  });

  // News of what changed, whoever changed it.  Many at once are one; a page that nobody looks at waits.
  let due = 0;
  function changed() {
    if (due || !document.querySelector("[data-live]")) return;
    due = setTimeout(() => {
      due = 0;
      if (!document.hidden) show(location.href);
    }, 80);
  }
  if (document.querySelector("[data-live]")) {
    const news = new EventSource("/events");
    for (const kind of ["data", "state", "job"]) news.addEventListener(kind, changed);
    document.addEventListener("visibilitychange", changed);
    window.addEventListener("pagehide", () => news.close());
  }
})();
