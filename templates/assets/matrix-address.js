// @ts-check
// The state of the confusion matrix in the page's address, as in #m.order=name&m.cell=12,88.
"use strict";

window.reportgenAddress = (() => {
  /**
   * Two indices below `size`, or `null`.
   * @type {(text: string | null, size: number) => Pair | null}
   */
  function parsePair(text, size) {
    const parts = (text ?? "").split(",");
    const [first, second] = parts.map(Number);
    return parts.length === 2 && parts.every((part) => /^\d+$/.test(part)) && first < size && second < size ? [first, second] : null;
  }

  /** @type {MatrixAddress["parse"]} */
  function parse(hash, choices, defaults, sizes) {
    const given = new URLSearchParams(hash.slice(1));
    if (![...given.keys()].some((key) => key.startsWith("m."))) return null;
    /** @type {MatrixState} */
    const state = { ...defaults };
    for (const [name, values] of Object.entries(choices)) {
      const value = given.get(`m.${name}`);
      if (value !== null && values.includes(value)) state[name] = value;
    }
    const isCoarse = state.level === "superclasses";
    state.open = isCoarse ? parsePair(given.get("m.open"), sizes.superclasses) : null;
    state.zoom = isCoarse ? null : parsePair(given.get("m.zoom"), sizes.classes);
    state.cell = parsePair(given.get("m.cell"), isCoarse && !state.open ? sizes.superclasses : sizes.classes);
    return state;
  }

  /** @type {MatrixAddress["format"]} */
  function format(hash, choices, defaults, state) {
    const parts = hash.slice(1).split("&").filter((part) => part.includes("=") && !part.startsWith("m."));
    for (const name of Object.keys(choices)) if (state[name] !== defaults[name]) parts.push(`m.${name}=${state[name]}`);
    for (const name of ["open", "zoom", "cell"]) if (state[name]) parts.push(`m.${name}=${state[name]}`);
    return `#${parts.join("&")}`;
  }

  return { format, parse };
})();
