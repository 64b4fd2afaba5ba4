// Everything works without this script; with it, lists follow what is typed, and pages follow what changes.
// There is one thing it does: it asks for an address again, and puts the parts marked data-live in their places.
"use strict";
(() => {
  let turn = 0;

  async function show(address) {
    const mine = ++turn;
    let answer, text;
    try {
      answer = await fetch(address, { headers: { accept: "text/html", "x-live": "1" } });
      text = await answer.text();
    } catch {
      if (mine === turn && document.visibilityState === "visible") say("gone");
      return; // what is shown stays
    }
    await released;
    if (mine !== turn) return;
    if (document.getElementById("problem")) {
      if (answer.ok) location.reload(); // what stood against it is over
      return;
    }
    const fresh = new DOMParser().parseFromString(text, "text/html");
    if (!answer.ok) {
      // While work has the store for itself, what is shown is as good as before; news come when it ends.
      say(fresh.querySelector("#problem[data-code=MIGRATION_011]") ? null : "missing", fresh.querySelector("h1")?.textContent);
      return;
    }
    say(null);
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = fresh.getElementById(part.id);
      if (other && !beingEdited(part)) replace(part, other);
    }
    document.dispatchEvent(new Event("shown"));
    for (const slider of document.querySelectorAll("input[type=range]")) {
      const other = fresh.getElementById(slider.id);
      if (!other) continue;
      slider.max = other.max;
      if (slider !== document.activeElement) slider.value = other.value;
    }
  }

  // A button that is replaced while it is pressed would swallow the click: what is new waits until the press is over.
  let released = Promise.resolve(), release = () => {};
  window.addEventListener("pointerdown", () => { released = new Promise((over) => { release = over; }); });
  for (const kind of ["pointerup", "pointercancel", "blur"]) window.addEventListener(kind, () => setTimeout(release));

  // What stands above the page where it cannot be shown as it is now.
  function say(what, why) {
    const notes = document.getElementById("notes");
    if (!notes) return;
    for (const one of notes.children) {
      one.hidden = one.id !== what;
      const told = one.querySelector(".why");
      if (told) told.textContent = why ?? "";
    }
  }

  // What somebody types into, or has typed and not yet sent, is not taken away from under them.
  function beingEdited(part) {
    const at = document.activeElement;
    if (part.contains(at) && at.matches("input:not([type=checkbox]), textarea, select")) return true;
    return typed(part).some((one) => one.value !== one.defaultValue) || [...part.querySelectorAll("select")].some(chosen);
  }

  function chosen(select) {
    const first = [...select.options].find((one) => one.defaultSelected) ?? select.options[0];
    return first !== undefined && !first.selected;
  }

  function typed(part) {
    return [...part.querySelectorAll("input:not([type=hidden], [type=checkbox]), textarea")];
  }

  // A part keeps what is open in it, how far it is scrolled, and the focus: only what differs is changed.
  function replace(part, other) {
    Idiomorph.morph(part, other.innerHTML, {
      morphStyle: "innerHTML",
      callbacks: {
        beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS") && !(name === "hidden" && node.matches("[data-copy], [data-all]")) && !(name === "checked" && node.type === "checkbox"),
      },
    });
  }

  // Search as you type, filters, the slider of time: a form marked data-typing is asked again at each change.
  let waiting = 0;
  function asked(form) {
    waiting = 0;
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
    else if (event.target.matches("form[data-changes]")) {
      // Only what was changed here is sent: the rest may have changed elsewhere meanwhile.
      for (const one of typed(event.target)) one.disabled = one.value === one.defaultValue;
    }
    else if (event.target.matches("form[data-typing]")) {
      event.preventDefault();
      clearTimeout(waiting);
      asked(event.target);
    }
  });

  // Copy a command; a toast goes after a while.
  for (const one of document.querySelectorAll("[data-copy]")) one.hidden = !navigator.clipboard;
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button) navigator.clipboard.writeText(button.dataset.copy).then(() => toast("Copied"));
  });
  for (const one of document.querySelectorAll("[data-print]")) {
    one.hidden = false;
    one.addEventListener("click", () => window.print());
  }
  function toast(text) {
    const one = document.createElement("div");
    one.className = "toast";
    one.textContent = text;
    document.getElementById("toasts").replaceChildren(one);
    leave(one, 2500);
  }
  function leave(one, after) {
    setTimeout(() => (one.matches(":hover, :focus-within") ? leave(one, after) : one.remove()), after);
  }
  for (const one of document.querySelectorAll(".toast")) leave(one, 12000);

  // News of what changed, whoever changed it.  Many at once are one, and what comes while the page is being asked for
  // waits for the answer: news that come faster than answers would otherwise leave every answer behind.
  let due = 0, asking = false, again = false;
  function changed() {
    if (due || waiting) return;
    if (asking) again = true;
    else due = setTimeout(follow, 80);
  }
  async function follow() {
    due = 0;
    if (document.hidden || waiting) return;
    asking = true;
    await show(location.href);
    asking = false;
    if (again) {
      again = false;
      changed();
    }
  }

  // A browser holds few connections to one server, for all its windows together: so one window listens, and tells the
  // others.  When it goes, the next one takes its place.
  function listen() {
    const others = new BroadcastChannel("news");
    const told = (what) => (what === "error" ? say("gone") : changed());
    others.addEventListener("message", (event) => told(event.data));
    let end;
    const until = new Promise((ended) => { end = ended; });
    const leave = new AbortController();
    const hear = () => {
      const news = new EventSource("/events");
      for (const kind of ["open", "data", "state", "job", "error"]) {
        news.addEventListener(kind, () => {
          told(kind);
          others.postMessage(kind);
        });
      }
      return until.then(() => news.close());
    };
    navigator.locks.request("news", { signal: leave.signal }, hear).catch(() => {});
    window.addEventListener("pagehide", () => {
      leave.abort();
      end();
      others.close();
    }, { once: true });
    changed(); // what happened since the page was made
  }
  if (document.querySelector("[data-live]")) {
    listen();
    document.addEventListener("visibilitychange", changed);
  }
  window.addEventListener("pageshow", (event) => {
    for (const one of typed(document)) one.disabled = false;
    if (event.persisted && document.querySelector("[data-live]")) listen();
  });
})();
