"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const countdown = byId("countdown");
  let left = 3;
  const timer = setInterval(() => {
    left -= 1;
    if (left > 0) {
      countdown.textContent = `Redirecting in ${left}s…`;
      return;
    }
    clearInterval(timer);
    countdown.textContent = "Redirecting…";
    // The link's address holds a token: it is replaced, so that no way leads back here.
    location.replace(byId("continue").href);
  }, 1000);
  byId("stay").addEventListener("click", () => {
    clearInterval(timer);
    byId("redirect").hidden = true;
    byId("continue").focus();
  });
  byId("redirect").hidden = false;
})();
