// @ts-check
// The interactive confusion matrix: controls, cursor, links. Counts come from confusion.js, names and pages of the classes
// from classes.js. Without scripts the page shows a picture.
"use strict";

(() => {
  const host = document.querySelector("[data-matrix]");
  const data = window.reportgenMatrix;
  const pages = window.reportgenClasses;
  const { Scale, countText, describe, makeTable, percentText, sumTable } = window.reportgenNumbers ?? {};
  const drawing = window.reportgenDrawing;
  const address = window.reportgenAddress;
  if (!host || !data || !pages || !drawing || !address) return;

  const TINY_CELL = 5; // px; a click on a smaller cell zooms in first
  const live = host.querySelector(".cm-live");
  /** @type {(name: string) => any} */
  const part = (name) => live.querySelector(`.cm-${name}`) ?? host.querySelector(`.cm-${name}`);
  const stage = part("stage");
  const plot = part("plot");
  const readout = part("readout");
  const [columnTag, rowTag] = live.querySelectorAll(".cm-tag");
  /** @type {(value: number, low: number, high: number) => number} */
  const clamp = (value, low, high) => Math.max(low, Math.min(value, high));
  /** @type {(pair: Pair, change: (value: number, i: number) => number) => Pair} */
  const both = ([first, second], change) => [change(first, 0), change(second, 1)];
  /** @type {(a: Pair | null, b: Pair | null) => boolean} */
  const isSame = (a, b) => String(a) === String(b); // of cells
  /** @type {(name: string, d: string) => void} */
  const path = (name, d) => part(name).setAttribute("d", d);

  /** @type {(tag: string, className: string, ...children: (Node | string)[]) => HTMLElement} */
  function make(tag, className, ...children) {
    const element = Object.assign(document.createElement(tag), { className });
    element.append(...children);
    return element;
  }

  /** @type {(text: string, action: () => void) => HTMLElement} */
  function makeButton(text, action) {
    const button = Object.assign(make("button", "cm-button", text), { type: "button" });
    button.addEventListener("click", action);
    return button;
  }

  // ---- Numbers

  const classes = makeTable(pages.map(([name]) => name), data.cells);
  const groups = data.superclasses;
  const superclasses = groups && sumTable(groups.names, groups.of, classes);
  const inOrder = [...classes.names.keys()];
  /** @type {Record<string, Orders>} */
  const orders = {
    classes: { ...data.orders, superclass: groups && inOrder.toSorted((a, b) => groups.of[a] - groups.of[b]) },
    superclasses: groups && { ...groups.orders, superclass: [...groups.names.keys()] },
  };

  // ---- Choices: in the controls and in the address

  /** @param {string} name */
  const inputs = (name) => [...host.querySelectorAll(`input[name="cm-${name}"]`)];
  /** @type {Choices} */
  const choices = {};
  /** @type {MatrixState} */
  const defaults = { level: "classes", diagonal: "off", show: "count", cell: null, open: null, zoom: null };
  for (const name of ["level", "order", "show", "scale", "diagonal"]) {
    choices[name] = inputs(name).map((input) => input.value);
    for (const input of inputs(name)) if (input.checked) defaults[name] = input.value;
  }
  const state = { ...defaults };
  const isShare = () => state.show !== "count";

  function readAddress() {
    const sizes = { classes: pages.length, superclasses: groups?.names.length ?? 0 };
    const given = address.parse(location.hash, choices, defaults, sizes);
    Object.assign(state, given);
    return given !== null;
  }

  function writeAddress() {
    try {
      history.replaceState(history.state, "", address.format(location.hash, choices, defaults, state));
    } catch {
      // A browser may refuse this for local files, or when it happens too often. The matrix works without.
    }
  }

  let timer = 0;
  function writeAddressSoon() {
    clearTimeout(timer);
    timer = setTimeout(writeAddress, 250);
  }

  // ---- The visible rows and columns

  /** @type {View} */
  let view; // rows and columns of a table
  /** @type {Shape} */
  let shape; // its measures
  /** @type {CountScale} */
  let scale; // its colors
  /** @type {Pair | null} */
  let hovered = null;

  const windowSize = () => Math.min(pages.length, drawing.isNarrow(stage.clientWidth) ? 12 : 30);

  /**
   * Runs of classes of one superclass.
   * @param {number[]} indices
   */
  function runs(indices) {
    /** @type {Block[]} */
    const found = [];
    indices.forEach((index, start) => {
      const name = groups.names[groups.of[index]];
      if (found.at(-1)?.name === name) found.at(-1).length += 1;
      else found.push({ name, start, length: 1 });
    });
    return found;
  }

  /** @type {(state: MatrixState) => View} */
  function makeView({ level, open, zoom, order, show, diagonal }) {
    const isFine = level === "classes" || open !== null;
    const table = isFine ? classes : superclasses;
    const full = orders[isFine ? "classes" : "superclasses"][order];
    let [rows, columns] = [full, full];
    if (open) rows = columns = [...new Set(open)].flatMap((group) => full.filter((index) => groups.of[index] === group));
    const last = full.length - windowSize();
    if (zoom) [rows, columns] = zoom.map((start) => full.slice(clamp(start, 0, last)).slice(0, windowSize()));
    const hasBlocks = open || (isFine && !zoom && order === "superclass");
    const [rowAt, columnAt] = [rows, columns].map((indices) => {
      const places = new Int32Array(table.size).fill(-1);
      for (const [place, index] of indices.entries()) places[index] = place;
      return places;
    });
    const inSight = table.cells.filter(([row, column]) => rowAt[row] >= 0 && columnAt[column] >= 0);
    /** @param {boolean} withRight */
    const valued = (withRight) =>
      inSight
        .map(([row, column, count]) => ({ row, column, count, value: table.value(row, column, show, withRight) }))
        .filter(({ value }) => value > 0);
    const mistakes = valued(false);
    mistakes.sort((a, b) => b.value - a.value || b.count - a.count || a.row - b.row || a.column - b.column);
    return {
      table, full, rows, columns, rowAt, columnAt, isFine, mistakes,
      isPart: Boolean(open || zoom),
      blocks: hasBlocks ? runs(rows) : [],
      cells: valued(diagonal === "on").map(({ row, column, value }) => [rowAt[row], columnAt[column], value]),
    };
  }

  function update() {
    view = makeView(state);
    const whole = state.open || state.zoom ? makeView({ ...state, open: null, zoom: null, level: "classes" }) : view;
    scale = new Scale(whole.cells.map(([, , value]) => value), state.scale);
    const [row, column] = state.cell ?? [];
    if (!(view.rowAt[row] >= 0 && view.columnAt[column] >= 0)) {
      const { row: first = view.rows[0], column: other = view.columns[0] } = view.mistakes[0] ?? {};
      state.cell = [first, other];
    }
    for (const name of Object.keys(choices)) for (const input of inputs(name)) input.checked = input.value === state[name];
    const numbers = [view.rows, view.columns].map(({ length }) => countText(length)).join(" by ");
    plot.setAttribute("aria-label", `Confusion matrix, ${numbers} ${view.isFine ? "classes" : "superclasses"}`);
    hovered = null;
    layOut(whole);
    showLargest();
  }

  function layOut(whole = view) {
    const width = stage.clientWidth;
    shape = drawing.measure(view, width);
    const { head, side } = drawing.measure(whole, width);
    /** @type {Record<string, any>} */
    const lengths = { ...shape, height: Math.max(head + side, shape.head + shape.side) };
    for (const name of ["names", "head", "side", "height"]) live.style.setProperty(`--cm-${name}`, `${lengths[name]}px`);
    part("back").hidden = !view.isPart;
    part("back").textContent = `← Back to all ${countText((state.open ? groups.names : pages).length)}`;
    path("outlines", drawing.outlinePath(view, shape));
    path("recalls", view.rows.map((_, y) => drawing.barPath(view, shape, y, 0.8)).join(""));
    path("axis", `M${shape.bar + 8.5} 0v${shape.side}`);
    path("ties", drawing.drawNames(part("rows"), part("head"), view, shape));
    drawing.drawTicks(part("legend").querySelector(".cm-ticks"), scale, isShare());
    const units = { count: "images per cell", row: "fraction of the row’s images", column: "fraction of the column’s images" };
    part("unit").textContent = scale.max ? units[state.show] : "The model makes no errors.";
    reserveReadout();
    redraw();
  }

  function redraw() {
    const isDark = getComputedStyle(part("pixels")).color === "rgb(255, 255, 255)"; // what light-dark() chooses
    const color = drawing.colors(isDark);
    drawing.drawPixels(part("pixels"), view, shape, scale, color);
    drawing.drawValues(part("values"), view, shape, scale, color, isShare());
    showCursor();
  }

  // ---- The cursor and the description of its cell

  function showCursor() {
    const [row, column] = hovered ?? state.cell;
    const { cell, side, bar } = shape;
    const [top, left] = [view.rowAt[row] * cell, view.columnAt[column] * cell];
    path("band", `M0 ${top}h${side}v${cell}H0zM${left} 0v${side}h${cell}V0z`);
    path("lines", `M0 ${top}h${side}m0 ${cell}H0M${left} 0v${side}m${cell} 0V0`);
    const [pad, box] = [Math.max(1, (9 - cell) / 2), Math.max(cell + 2, 9)];
    for (const name of ["halo", "cursor"]) path(name, `M${left - pad} ${top - pad}h${box}v${box}h${-box}z`);
    path("recall", drawing.barPath(view, shape, view.rowAt[row], Math.max(1, 3 / cell)));
    const recall = view.table.recall(row);
    const value = part("value");
    value.textContent = percentText(recall);
    value.style.top = `${clamp(top + cell / 2, 8, side - 8)}px`;
    value.style.left = `${Math.min(12 + bar * (recall || 0), bar - 24)}px`;
    showNames(row, column, top + cell / 2, left + cell / 2);
    const shown = view.table.value(row, column, state.show, state.diagonal === "on");
    const length = part("legend").clientWidth;
    path("mark", shown ? `M${clamp(scale.position(shown) * length, 4, length - 4)} 0l4 6h-8z` : "");
    say(row, column);
    showActions(row, column);
    readout.style.minHeight = `${Math.max(readout.offsetHeight, parseFloat(readout.style.minHeight))}px`;
    plot.dataset.cell = `${row},${column}`;
  }

  /** @type {(row: number, column: number, middle: number, center: number) => void} */
  function showNames(row, column, middle, center) {
    const { side, names, isNamed } = shape;
    const { rows, columns, table } = view;
    /** @type {[string, number[], number][]} */
    const sides = [["rows", rows, row], ["head", columns, column]];
    for (const [name, indices, index] of sides) {
      const marked = isNamed ? indices.indexOf(index) : -1;
      for (const [place, each] of part(name).querySelectorAll(".cm-name").entries()) each.classList.toggle("is-on", place === marked);
    }
    rowTag.hidden = columnTag.hidden = isNamed;
    if (isNamed) return;
    rowTag.textContent = table.names[row];
    columnTag.textContent = table.names[column];
    (names ? part("rows") : plot).append(rowTag); // without a margin of names, the tag stands inside, away from the cell
    rowTag.style.top = `${clamp(middle, 9, side - 9)}px`;
    rowTag.style.left = names || center > side / 2 ? "" : `${side - rowTag.offsetWidth}px`;
    columnTag.style.left = `${clamp(center - columnTag.offsetWidth / 2, 0, Math.max(0, side - columnTag.offsetWidth))}px`;
  }

  /** @type {(row: number, column: number) => void} */
  function say(row, column) {
    const sentences = describe(view.table, row, column, data.z, view.isFine);
    /** @param {string} text */
    const whole = (text) => text.split(/(\([<>\d–%]+\))/).map((each, i) => (i % 2 ? make("span", "", each) : each));
    /** @param {Sentence} texts */
    const parts = (texts) => texts.flatMap((text) => (Array.isArray(text) ? make("b", "", ...text) : whole(text)));
    readout.replaceChildren(...sentences.map((texts) => make("p", "", ...parts(texts))));
  }

  /** Reserves the height that the longest names need, so that moving the cursor moves nothing else. */
  function reserveReadout() {
    const { names } = view.table;
    const [first, second = first] = [...names.keys()].sort((a, b) => names[b].length - names[a].length);
    readout.style.minHeight = "0";
    const heights = [[first, second], [second, first], [first, first]].map(([row, column]) => {
      say(row, column);
      return readout.offsetHeight;
    });
    readout.style.minHeight = `${Math.max(...heights)}px`;
  }

  /**
   * Where a cell's images are. In a single file a class has a fragment instead of a page, or, left out, nothing.
   * @type {(row: number, column: number) => string | null}
   */
  const imagesUrl = (row, column) => {
    const url = pages[row][1];
    return !url || url.startsWith("#") ? url : `${url}#as=${column}`;
  };

  /** @type {(row: number, column: number) => void} */
  function showActions(row, column) {
    const count = view.table.count(row, column);
    const found = [];
    const both = row === column ? "Open its classes" : "Open both superclasses";
    if (!view.isFine) found.push(makeButton(both, () => open(row, column)));
    else if (count && imagesUrl(row, column)) {
      const text = count === 1 ? "View the image" : `View the ${countText(count)} images`;
      found.push(Object.assign(make("a", "", text), { href: imagesUrl(row, column) }));
    }
    if (view.isFine && !view.isPart && !shape.isNamed) found.push(makeButton("Zoom in", () => enlarge(row, column)));
    part("actions").replaceChildren(...found);
  }

  function showLargest() {
    const { table, isFine, mistakes } = view;
    const opened = [...new Set(state.open ?? [])].map((group) => groups.names[group]);
    const where = ["", " within ", " between "][opened.length] + opened.join(" and ");
    part("largest").querySelector("h3").textContent = `Most frequent errors${where}`;
    const items = mistakes.slice(0, 8).map(({ row, column, value }) => {
      const url = imagesUrl(row, column);
      const item = isFine ? Object.assign(make("a", ""), url && { href: url }) : makeButton("", () => open(row, column));
      const arrow = make("span", "", " → ");
      arrow.setAttribute("aria-hidden", "true");
      const [name, other] = [table.names[row], table.names[column]];
      const pair = row === column ? [`within ${name}`] : [name, arrow, make("span", "sr", " predicted as "), other];
      item.append(make("span", "cm-pair", ...pair), make("span", "n", isShare() ? percentText(value) : countText(value)));
      for (const type of ["pointerenter", "focus"]) item.addEventListener(type, () => hover([row, column]));
      for (const type of ["pointerleave", "blur"]) item.addEventListener(type, () => hover(null));
      return make("li", "", item);
    });
    part("largest").querySelector("ol").replaceChildren(...items);
    part("largest").hidden = !items.length;
  }

  // ---- Navigation

  /** @param {Pair | null} cell */
  function hover(cell) {
    if (isSame(cell, hovered)) return;
    hovered = cell;
    readout.setAttribute("aria-live", cell ? "off" : "polite"); // a mouse on its way over a hundred cells is not read out
    showCursor();
  }

  /**
   * Where a window around a cell starts in an order, for rows and columns.
   * @type {(cell: Pair, full: number[]) => Pair}
   */
  function windowAround(cell, full) {
    return both(cell, (index) => clamp(full.indexOf(index) - (windowSize() >> 1), 0, full.length - windowSize()));
  }

  /** @param {Pair} cell */
  function moveTo(cell) {
    state.cell = cell;
    hovered = null;
    readout.setAttribute("aria-live", "polite");
    const places = cell.map((index) => view.full.indexOf(index));
    const zoom = state.zoom && both(state.zoom, (start, i) => clamp(start, places[i] - windowSize() + 1, places[i]));
    if (isSame(zoom, state.zoom)) showCursor();
    else {
      state.zoom = zoom;
      update();
    }
    writeAddressSoon();
  }

  /**
   * Shows another part of the matrix, or all of it.
   * @param {Partial<MatrixState>} changes
   */
  function show(changes) {
    Object.assign(state, { open: null, zoom: null }, changes);
    update();
    plot.focus({ preventScroll: true });
    writeAddressSoon();
  }

  /** @type {(row: number, column: number) => void} */
  const open = (row, column) => show({ open: [row, column], cell: null });
  /** @type {(row: number, column: number) => void} */
  const enlarge = (row, column) => show({ zoom: windowAround([row, column], view.full), cell: [row, column] });
  const leave = () => view.isPart && show({ cell: state.open ?? state.cell });

  /** @type {(cell: Pair, inNewTab?: boolean) => void} */
  function choose([row, column], inNewTab = false) {
    const url = imagesUrl(row, column);
    if (!view.isFine) open(row, column);
    else if (!view.table.count(row, column) || !url) return;
    else if (inNewTab) window.open(url);
    else {
      writeAddress(); // so that the way back leads to this very cell
      location.href = url;
    }
  }

  /** @type {(event: MouseEvent) => Pair} */
  function cellAt({ clientX, clientY }) {
    const box = plot.getBoundingClientRect();
    /** @type {(offset: number, indices: number[]) => number} */
    const place = (offset, { length }) => clamp(Math.floor((offset / shape.side) * length), 0, length - 1);
    return [view.rows[place(clientY - box.top, view.rows)], view.columns[place(clientX - box.left, view.columns)]];
  }

  plot.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => event.pointerType !== "touch" && hover(cellAt(event)));
  plot.addEventListener("pointerleave", () => hover(null));
  plot.addEventListener("click", (/** @type {PointerEvent} */ event) => {
    const cell = cellAt(event);
    const isAgain = isSame(cell, state.cell);
    if (view.isFine && !view.isPart && shape.cell < TINY_CELL) return enlarge(...cell);
    moveTo(cell);
    // Touch has no hover: the first tap shows the cell, the second opens it.
    if (event.pointerType !== "touch" || isAgain) choose(cell, event.ctrlKey || event.metaKey);
  });

  /** @type {Record<string, Pair>} */
  const STEPS = {
    ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0],
  };
  plot.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.altKey || event.metaKey) return;
    const [rows, columns] = state.zoom ? [view.full, view.full] : [view.rows, view.columns];
    const [y, x] = [rows.indexOf(state.cell[0]), columns.indexOf(state.cell[1])];
    /** @type {(i: number, j: number) => void} */
    const goTo = (i, j) => moveTo([rows[clamp(i, 0, rows.length - 1)], columns[clamp(j, 0, columns.length - 1)]]);
    const step = STEPS[event.key];
    if (step && event.shiftKey) goTo(...nextMistake(rows, columns, [y, x], both(step, Math.sign)));
    else if (step) goTo(y + step[0], x + step[1]);
    else if (event.key === "Home") goTo(event.ctrlKey ? 0 : y, 0);
    else if (event.key === "End") goTo(event.ctrlKey ? rows.length : y, columns.length);
    else if (event.key === "Enter" || event.key === " ") choose(state.cell);
    else if (event.key === "Escape" && view.isPart) leave();
    else return;
    event.preventDefault();
  });

  /**
   * The place of the next cell with a mistake in a direction; where there is none, of the cell itself.
   * @type {(rows: number[], columns: number[], from: Pair, direction: Pair) => Pair}
   */
  function nextMistake(rows, columns, [y, x], [down, right]) {
    for (let [i, j] = [y + down, x + right]; i in rows && j in columns; [i, j] = [i + down, j + right]) {
      if (view.table.value(rows[i], columns[j], "count", false)) return [i, j];
    }
    return [y, x];
  }

  part("back").addEventListener("click", leave);
  host.addEventListener("change", (event) => {
    const target = /** @type {HTMLInputElement} */ (event.target);
    const name = target.name.slice(3);
    state[name] = target.checked ? target.value : "off";
    if (name === "level") Object.assign(state, { cell: null, open: null, zoom: null });
    if (name === "order" && state.zoom) state.zoom = windowAround(state.cell, orders.classes[state.order]);
    update();
    writeAddressSoon();
  });

  const door = document.querySelector("[data-matrix-level]");
  door?.addEventListener("click", (event) => {
    event.preventDefault();
    show({ level: door.dataset.matrixLevel, cell: null });
    host.closest("section").scrollIntoView();
  });

  // ---- Start

  for (const name of ["controls", "live", "cell", "legend"]) part(name).hidden = false;
  document.getElementById("cm-help").hidden = false;
  if (door) door.parentElement.hidden = false;
  document.body.classList.add("has-matrix");
  const isAddressed = readAddress();
  update();
  if (isAddressed) host.closest("section").scrollIntoView();
  addEventListener("hashchange", () => readAddress() && update());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let width = stage.clientWidth;
  new ResizeObserver(() => {
    if (stage.clientWidth === width || !stage.clientWidth) return; // 0 where the page is hidden
    width = stage.clientWidth;
    update();
  }).observe(stage);
})();
