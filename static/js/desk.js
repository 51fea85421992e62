/* Progressive enhancement only: every page of the desk works without it. */
(() => {
  // The theme turns Ctrl+E (end of line on some keyboards) into a theme switch: not while a person types.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey && event.key === "e" && event.target.closest("input, textarea")) event.stopPropagation();
  }, true);
  document.addEventListener("DOMContentLoaded", () => {
    // A blocked button leads to the list that says why. The server refuses it all the same.
    const gates = document.getElementById("gates");
    document.querySelectorAll("button[aria-disabled=true]").forEach((button) => button.addEventListener("click", (event) => {
      if (gates) { event.preventDefault(); gates.focus(); }
    }));
  });
})();
