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
// Playback: the slider goes from change to change, and the page follows it as when it is moved by hand.
(() => {
  const play = document.getElementById("play");
  const slider = document.getElementById("at");
  if (!play || !slider) return;
  const every = 900; // ms: enough to read what changed
  let timer = 0;
  play.hidden = slider.max === "0";
  show();
  function show() {
    play.classList.toggle("playing", timer !== 0);
    play.querySelector(".label").textContent = timer ? play.dataset.pause : play.dataset.play;
  }
  function go(to) {
    slider.value = to;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  }
  function step() {
    const next = document.getElementById("following");
    if (next && Number(next.dataset.at) > Number(slider.value)) go(next.dataset.at);
    else if (!next || slider.value === slider.max) stop();
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    show();
  }
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (slider.value === slider.max) go(0);
    timer = setInterval(step, every);
    show();
  });
  slider.addEventListener("pointerdown", () => timer && stop());
})();
// The map: a point says its name beside the map, under the pointer and when it has the focus.
(() => {
  for (const kind of ["pointerover", "focusin"]) {
    document.addEventListener(kind, (event) => {
      const point = event.target.closest?.("#dots a");
      const said = document.getElementById("dot");
      if (!point || !said) return;
      said.hidden = false;
      said.querySelector(".name").textContent = point.querySelector("title").textContent;
    });
  }
})();
// A chart that is wider than the screen begins with what is newest.
for (const chart of document.querySelectorAll(".chart.long")) chart.scrollLeft = chart.scrollWidth;
