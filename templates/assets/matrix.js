// The confusion matrix that a reader can move about in: what is chosen, what is pointed at, where a choice leads. Its
// numbers come from confusion.js, names and pages of the classes from classes.js. Without scripts the picture stays.
"use strict";

(() => {
  const host = document.querySelector("[data-matrix]");
  const data = window.reportgenMatrix;
  const pages = window.reportgenClasses;
  const { Scale, countText, describe, makeTable, percentText, sumTable } = window.reportgenNumbers ?? {};
  const drawing = window.reportgenDrawing;
  if (!host || !data || !pages || !drawing) return;

  const TINY_CELL = 5; // px; a smaller cell is enlarged before it is chosen
  const live = host.querySelector(".cm-live");
  const part = (name) => live.querySelector(`.cm-${name}`) ?? host.querySelector(`.cm-${name}`);
  const stage = part("stage");
  const plot = part("plot");
  const readout = part("readout");
  const [columnTag, rowTag] = live.querySelectorAll(".cm-tag");
  const clamp = (value, low, high) => Math.max(low, Math.min(value, high));
  const isSame = (a, b) => String(a) === String(b); // of cells
  const path = (name, d) => part(name).setAttribute("d", d);

  function make(tag, className, ...children) {
    const element = Object.assign(document.createElement(tag), { className });
    element.append(...children);
    return element;
  }

  function makeButton(text, action) {
    const button = Object.assign(make("button", "cm-button", text), { type: "button" });
    button.addEventListener("click", action);
    return button;
  }

  // ---- The numbers

  const classes = makeTable(pages.map(([name]) => name), data.cells);
  const groups = data.superclasses;
  const superclasses = groups && sumTable(groups.names, groups.of, classes);
  const inOrder = [...classes.names.keys()];
  const orders = {
    classes: { ...data.orders, superclass: groups && inOrder.toSorted((a, b) => groups.of[a] - groups.of[b]) },
    superclasses: groups && { ...groups.orders, superclass: [...groups.names.keys()] },
  };

  // ---- What is chosen: in the controls, and in the address as #m.order=name&m.cell=12,88

  const CHOICES = ["level", "order", "show", "scale", "diagonal"];
  const inputs = (name) => [...host.querySelectorAll(`input[name="cm-${name}"]`)];
  const defaults = { level: "classes", diagonal: "off" };
  for (const name of CHOICES) for (const input of inputs(name)) if (input.checked) defaults[name] = input.value;
  // `cell`: row and column by index; `open`: two superclasses; `zoom`: places of the first row and column in sight.
  const state = { ...defaults, cell: null, open: null, zoom: null };
  const isShare = () => state.show !== "count";

  function readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    if (![...given.keys()].some((key) => key.startsWith("m."))) return false;
    for (const name of CHOICES) {
      const value = given.get(`m.${name}`);
      state[name] = inputs(name).some((input) => input.value === value) ? value : defaults[name];
    }
    const pair = (name, known) => {
      const parts = (given.get(`m.${name}`) ?? "").split(",");
      return parts.length === 2 && parts.every((index) => /^\d+$/.test(index) && index in known) ? parts.map(Number) : null;
    };
    const isCoarse = state.level === "superclasses";
    state.open = isCoarse ? pair("open", groups.names) : null;
    state.zoom = isCoarse ? null : pair("zoom", pages);
    state.cell = pair("cell", isCoarse && !state.open ? groups.names : pages);
    return true;
  }

  function writeAddress() {
    const parts = location.hash.slice(1).split("&").filter((each) => each.includes("=") && !each.startsWith("m."));
    for (const name of CHOICES) if (state[name] !== defaults[name]) parts.push(`m.${name}=${state[name]}`);
    for (const name of ["open", "zoom", "cell"]) if (state[name]) parts.push(`m.${name}=${state[name]}`);
    try {
      history.replaceState(history.state, "", `#${parts.join("&")}`);
    } catch {
      // A browser that refuses this to local files, or so often: the matrix does without.
    }
  }

  let timer = 0;
  function writeAddressSoon() {
    clearTimeout(timer);
    timer = setTimeout(writeAddress, 250);
  }

  // ---- What is in sight

  let view; // rows and columns of a table
  let shape; // its measures
  let scale; // its colours
  let hovered = null;

  const windowSize = () => Math.min(pages.length, drawing.isNarrow(stage.clientWidth) ? 12 : 30);

  /** Runs of classes of one superclass. */
  function runs(indices) {
    const found = [];
    indices.forEach((index, start) => {
      const name = groups.names[groups.of[index]];
      if (found.at(-1)?.name === name) found.at(-1).length += 1;
      else found.push({ name, start, length: 1 });
    });
    return found;
  }

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
      indices.forEach((index, place) => (places[index] = place));
      return places;
    });
    const inSight = table.cells.filter(([row, column]) => rowAt[row] >= 0 && columnAt[column] >= 0);
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
    for (const name of CHOICES) for (const input of inputs(name)) input.checked = input.value === state[name];
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
    const colour = drawing.colours(isDark);
    drawing.drawPixels(part("pixels"), view, shape, scale, colour);
    drawing.drawValues(part("values"), view, shape, scale, colour, isShare());
    showCursor();
  }

  // ---- The cursor, and what is said of its cell

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
    plot.dataset.cell = [row, column];
  }

  function showNames(row, column, middle, centre) {
    const { side, names, isNamed } = shape;
    const { rows, columns, table } = view;
    for (const [name, indices, index] of [["rows", rows, row], ["head", columns, column]]) {
      const marked = isNamed ? indices.indexOf(index) : -1;
      part(name).querySelectorAll(".cm-name").forEach((each, place) => each.classList.toggle("is-on", place === marked));
    }
    rowTag.hidden = columnTag.hidden = isNamed;
    if (isNamed) return;
    rowTag.textContent = table.names[row];
    columnTag.textContent = table.names[column];
    (names ? part("rows") : plot).append(rowTag); // without a margin of names, the tag stands inside, away from the cell
    rowTag.style.top = `${clamp(middle, 9, side - 9)}px`;
    rowTag.style.left = names || centre > side / 2 ? "" : `${side - rowTag.offsetWidth}px`;
    columnTag.style.left = `${clamp(centre - columnTag.offsetWidth / 2, 0, Math.max(0, side - columnTag.offsetWidth))}px`;
  }

  function say(row, column) {
    const sentences = describe(view.table, row, column, data.z, view.isFine);
    const whole = (text) => text.split(/(\([<>\d–%]+\))/).map((each, i) => (i % 2 ? make("span", "", each) : each));
    const parts = (texts) => texts.flatMap((text) => (Array.isArray(text) ? make("b", "", ...text) : whole(text)));
    readout.replaceChildren(...sentences.map((texts) => make("p", "", ...parts(texts))));
  }

  /** Keeps room for what the longest names need, so that moving about moves nothing else. */
  function reserveReadout() {
    const { names } = view.table;
    const [first, second = first] = [...names.keys()].sort((a, b) => names[b].length - names[a].length);
    readout.style.minHeight = "0";
    const heights = [[first, second], [second, first], [first, first]].map((cell) => (say(...cell), readout.offsetHeight));
    readout.style.minHeight = `${Math.max(...heights)}px`;
  }

  /** Where a cell's images are. In a single file a class has a fragment instead of a page, or, left out, nothing. */
  const imagesUrl = (row, column) => {
    const url = pages[row][1];
    return !url || url.startsWith("#") ? url : `${url}#as=${column}`;
  };

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

  // ---- Moving about

  function hover(cell) {
    if (isSame(cell, hovered)) return;
    hovered = cell;
    readout.setAttribute("aria-live", cell ? "off" : "polite"); // a mouse on its way over a hundred cells is not read out
    showCursor();
  }

  /** Where a window around a cell starts in an order, for rows and columns. */
  function windowAround(cell, full) {
    return cell.map((index) => clamp(full.indexOf(index) - (windowSize() >> 1), 0, full.length - windowSize()));
  }

  function moveTo(cell) {
    state.cell = cell;
    hovered = null;
    readout.setAttribute("aria-live", "polite");
    const places = cell.map((index) => view.full.indexOf(index));
    const zoom = state.zoom?.map((start, i) => clamp(start, places[i] - windowSize() + 1, places[i])) ?? null;
    if (isSame(zoom, state.zoom)) showCursor();
    else {
      state.zoom = zoom;
      update();
    }
    writeAddressSoon();
  }

  /** Shows another part of the matrix, or all of it. */
  function show(changes) {
    Object.assign(state, { open: null, zoom: null }, changes);
    update();
    plot.focus({ preventScroll: true });
    writeAddressSoon();
  }

  const open = (row, column) => show({ open: [row, column], cell: null });
  const enlarge = (row, column) => show({ zoom: windowAround([row, column], view.full), cell: [row, column] });
  const leave = () => view.isPart && show({ cell: state.open ?? state.cell });

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

  function cellAt({ clientX, clientY }) {
    const box = plot.getBoundingClientRect();
    const place = (offset, { length }) => clamp(Math.floor((offset / shape.side) * length), 0, length - 1);
    return [view.rows[place(clientY - box.top, view.rows)], view.columns[place(clientX - box.left, view.columns)]];
  }

  plot.addEventListener("pointermove", (event) => event.pointerType !== "touch" && hover(cellAt(event)));
  plot.addEventListener("pointerleave", () => hover(null));
  plot.addEventListener("click", (event) => {
    const cell = cellAt(event);
    const isAgain = isSame(cell, state.cell);
    if (view.isFine && !view.isPart && shape.cell < TINY_CELL) return enlarge(...cell);
    moveTo(cell);
    // A finger can't hover: its first tap tells, the second opens.
    if (event.pointerType !== "touch" || isAgain) choose(cell, event.ctrlKey || event.metaKey);
  });

  const STEPS = {
    ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0],
  };
  plot.addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey) return;
    const [rows, columns] = state.zoom ? [view.full, view.full] : [view.rows, view.columns];
    const [y, x] = [rows.indexOf(state.cell[0]), columns.indexOf(state.cell[1])];
    const goTo = (i, j) => moveTo([rows[clamp(i, 0, rows.length - 1)], columns[clamp(j, 0, columns.length - 1)]]);
    const step = STEPS[event.key];
    if (step && event.shiftKey) goTo(...nextMistake(rows, columns, [y, x], step.map(Math.sign)));
    else if (step) goTo(y + step[0], x + step[1]);
    else if (event.key === "Home") goTo(event.ctrlKey ? 0 : y, 0);
    else if (event.key === "End") goTo(event.ctrlKey ? rows.length : y, columns.length);
    else if (event.key === "Enter" || event.key === " ") choose(state.cell);
    else if (event.key === "Escape" && view.isPart) leave();
    else return;
    event.preventDefault();
  });

  /** The place of the next cell with a mistake in a direction; where there is none, of the cell itself. */
  function nextMistake(rows, columns, [y, x], [down, right]) {
    for (let [i, j] = [y + down, x + right]; i in rows && j in columns; [i, j] = [i + down, j + right]) {
      if (view.table.value(rows[i], columns[j], "count", false)) return [i, j];
    }
    return [y, x];
  }

  part("back").addEventListener("click", leave);
  host.addEventListener("change", ({ target }) => {
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

  // ---- All of it

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
