// Reading: a link to a message that is in another window of its conversation leads there, and the list beside a
// conversation is scrolled to it.
"use strict";
(() => {
  const message = location.hash.match(/^#m(\d+)$/);
  if (message && !document.getElementById(location.hash.slice(1))) {
    const there = new URL(location.href);
    if (!there.searchParams.has("message")) {
      there.searchParams.set("message", message[1]);
      location.replace(there);
    }
  }
  const list = document.querySelector("#beside ul");
  const here = list?.querySelector("[aria-current]");
  if (here) list.scrollTop = here.offsetTop - list.offsetTop - list.clientHeight / 3;
})();
