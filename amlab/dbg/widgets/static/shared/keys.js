// The keyboard: one table of keys for all views, and a listener that keeps keys from the notebook.

// Keys that every view has; a view adds its own.  `[key, command of the desk, words]`
export const KEYS = [
  ["ArrowRight", "next", "next record"],
  ["ArrowLeft", "prev", "record before"],
  [".", "nextOwn", "next record of the same machine"],
  [",", "prevOwn", "record before of the same machine"],
  ["n", "nextState", "next change of the chosen state"],
  ["N", "prevState", "change before of the chosen state"],
  ["e", "nextError", "next error"],
  ["E", "prevError", "error before"],
  ["m", "nextMachine", "next machine"],
  ["M", "prevMachine", "machine before"],
  ["]", "stepOn", "next step inside of the transition"],
  ["[", "stepBack", "step before"],
  ["PageDown", "jumpOn", "100 records on"],
  ["PageUp", "jumpBack", "100 records back"],
  ["Home", "first", "first record"],
  ["End", "last", "last record"],
  [" ", "play", "play and pause"],
  ["c", "cause", "go to the cause"],
  ["Backspace", "back", "where you were before"],
  ["b", "bookmark", "bookmark, or take it away"],
  ["B", "nextBookmark", "next bookmark"],
  ["t", "tail", "follow a live session"],
  ["Escape", "clear", "clear the selection"],
];

const SHOWN = { ArrowRight: "→", ArrowLeft: "←", ArrowUp: "↑", ArrowDown: "↓", " ": "Space", Escape: "Esc", PageDown: "PgDn", PageUp: "PgUp", Backspace: "⌫" };
export function keyName(key) {
  return SHOWN[key] ?? (/^[A-Z]$/.test(key) ? `Shift ${key}` : key);
}

// Calls `own[key](event)` or the desk's command.  Keys without Ctrl, Meta and Alt, but for Tab, never reach the host:
// JupyterLab would cut cells on "x" and "d d".
export function attachKeys(root, desk, own, help, signal) {
  const commands = new Map(KEYS.map(([key, command]) => [key, command]));
  root.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
      event.stopPropagation();
      const path = event.composedPath ? event.composedPath()[0] : event.target;
      const typing = path && (/^(INPUT|TEXTAREA|SELECT)$/.test(path.tagName) && path.type !== "checkbox" && path.type !== "range");
      if (typing && event.key !== "Escape") return;
      if (path && path.tagName === "BUTTON" && (event.key === "Enter" || event.key === " ")) return;
      if (event.key === "?") {
        event.preventDefault();
        help();
        return;
      }
      const act = own[event.key];
      if (act) {
        if (act(event) !== false) event.preventDefault();
        return;
      }
      const command = commands.get(event.key);
      if (command) {
        event.preventDefault();
        desk.command(command, event.shiftKey);
      }
    },
    { signal },
  );
  for (const type of ["keyup", "keypress"]) {
    root.addEventListener(type, (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey && event.key !== "Tab") event.stopPropagation();
    }, { signal });
  }
}
