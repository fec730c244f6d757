// Keys and theme. Everything else is the server's: this only presses what is on the page.
const theme = "culturepark_theme";

function writing(target) {
  const fields = "input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable='true'], .cm-editor";
  return target.closest(fields) !== null;
}

function toggleTheme() {
  const dark = !document.body.classList.contains("body--dark");
  document.cookie = `${theme}=${dark ? "dark" : "light"}; path=/; max-age=31536000; samesite=lax`;
  setDark(dark); // NiceGUI's own switch
}

// What names a key of its own is pressed by it. A control in focus keeps what Enter does to it.
function pressed(event) {
  if (event.key === "Enter" && event.target.closest("a, button, input, summary")) return false;
  const control = document.querySelector(`[data-press="${CSS.escape(event.key)}"]:not(:disabled)`);
  control?.click();
  return control !== null;
}

let waitsForPage = false;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
  if (waitsForPage) {
    waitsForPage = false;
    document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`)?.click();
    return;
  }
  if (event.key === "g") waitsForPage = true;
  else if (event.key === "?") document.getElementById("help")?.showModal();
  else if (event.key === "t") toggleTheme();
  else if (event.key === "/") document.querySelector("[data-search]")?.focus();
  else if (!pressed(event)) return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-theme]")) toggleTheme();
  else if (event.target.closest("[data-help]")) document.getElementById("help")?.showModal();
  else if (event.target.closest("a.skip")) {
    event.preventDefault();
    document.getElementById("main").focus();
  }
});

// A filter applies as soon as something is chosen; a text when Enter is pressed.
document.addEventListener("change", (event) => {
  if (event.target.matches("form[data-submit] select")) event.target.form.requestSubmit();
});
