// Types that the scripts of templates/assets share. Checked by `npm run types`, and no part of a report.

type Pair = [row: number, column: number];
type Theme = "light" | "dark";
type Show = "count" | "row" | "column";

/** A cell of a table: row, column, number of images. */
type Count = [row: number, column: number, count: number];

interface ConfusionTable {
  names: string[];
  cells: Count[];
  size: number;
  /** Sums of the rows. */
  support: number[];
  /** Sums of the columns. */
  called: number[];
  /** Correct predictions of each row. */
  right: number[];
  count(row: number, column: number): number;
  recall(row: number): number;
  value(row: number, column: number, show: Show, withRight: boolean): number;
}

interface CountScale {
  max: number;
  position(value: number): number;
  level(value: number): number;
  ticks(isShare: boolean): [position: number, text: string][];
}

/** Consecutive classes of one superclass. */
interface Block {
  name: string;
  start: number;
  length: number;
}

interface Mistake {
  row: number;
  column: number;
  count: number;
  value: number;
}

/** The rows and columns of a table that are shown. */
interface View {
  table: ConfusionTable;
  full: number[];
  rows: number[];
  columns: number[];
  rowAt: Int32Array;
  columnAt: Int32Array;
  isFine: boolean;
  isPart: boolean;
  mistakes: Mistake[];
  blocks: Block[];
  /** Row and column by place, and what is shown there. */
  cells: [y: number, x: number, value: number][];
}

/** Lengths in px. */
interface Shape {
  names: number;
  head: number;
  side: number;
  cell: number;
  bar: number;
  isNamed: boolean;
}

type Sentence = (string | string[])[];
type Color = number[];

interface MatrixNumbers {
  Scale: new (values: number[], kind: string) => CountScale;
  countText(count: number): string;
  describe(table: ConfusionTable, row: number, column: number, z: number, isOfClasses: boolean): Sentence[];
  makeTable(names: string[], packed: Record<string, string>): ConfusionTable;
  percentNumber(fraction: number): string;
  percentText(fraction: number): string;
  spread(middles: number[], spacing: number, side: number): number[];
  sumTable(names: string[], of: number[], classes: ConfusionTable): ConfusionTable;
  wilson(count: number, total: number, z: number): [low: number, high: number];
}

interface MatrixDrawing {
  barPath(view: View, shape: Shape, y: number, thickness: number): string;
  colors(isDark: boolean): Color[];
  drawNames(side: HTMLElement, head: HTMLElement, view: View, shape: Shape): string;
  drawPixels(canvas: HTMLCanvasElement, view: View, shape: Shape, scale: CountScale, color: Color[]): void;
  drawTicks(svg: Element, scale: CountScale, isShare: boolean): void;
  drawValues(
    canvas: HTMLCanvasElement, view: View, shape: Shape, scale: CountScale, color: Color[], isShare: boolean,
  ): void;
  isNarrow(width: number): boolean;
  measure(view: View, width: number): Shape;
  outlinePath(view: View, shape: Shape): string;
}

type Orders = Record<string, number[]>;

interface MatrixData {
  z: number;
  cells: Record<string, string>;
  orders: Orders;
  superclasses: { names: string[]; of: number[]; orders: Orders } | null;
}

/** What is chosen in the controls of the matrix, by name, and where its reader is. */
interface MatrixState {
  [choice: string]: any;
  show: Show;
  /** Row and column by index. */
  cell: Pair | null;
  /** Two superclasses. */
  open: Pair | null;
  /** Places of the first row and column that are shown. */
  zoom: Pair | null;
}

/** The values of each choice. */
type Choices = Record<string, string[]>;

interface MatrixAddress {
  /** The state that an address names, or `null` where it names none. Values that are not known are defaults. */
  parse(
    hash: string, choices: Choices, defaults: MatrixState, sizes: { classes: number; superclasses: number },
  ): MatrixState | null;
  /** An address for a state. What else the address holds is kept, the defaults are left out. */
  format(hash: string, choices: Choices, defaults: MatrixState, state: MatrixState): string;
}

/** An image in the detail view of a class page. */
interface Detail {
  id: string;
  peaks: [true_: string, predicted: string];
  top: [index: number, probability: string][];
  reasons: string[];
  columns: [name: string, value: string][];
}

type Field = HTMLInputElement | HTMLSelectElement;

interface PlotlyTrace {
  meta: string;
  colorscale?: [number, string][];
  marker?: { color: string };
  error_x?: { color: string };
}

interface Window {
  Plotly?: { react(chart: HTMLElement, traces: PlotlyTrace[], layout: object, options: object): void };
  /** Name of each class, and the path of its page; in a single file a fragment, or nothing where it was left out. */
  reportgenClasses?: [name: string, url: string | null][];
  reportgenMatrix?: MatrixData;
  reportgenNumbers?: MatrixNumbers;
  reportgenDrawing?: MatrixDrawing;
  reportgenAddress?: MatrixAddress;
}

// The scripts ask for elements of their own templates, which are HTML unless a type says otherwise.
interface ParentNode {
  querySelector<K extends keyof HTMLElementTagNameMap>(selectors: K): HTMLElementTagNameMap[K] | null;
  querySelector(selectors: `template[${string}`): HTMLTemplateElement | null;
  querySelector<E extends Element = HTMLElement>(selectors: string): E | null;
  querySelectorAll(selectors: `input[${string}` | "[data-table-filter]"): NodeListOf<HTMLInputElement>;
  querySelectorAll(selectors: `table[${string}`): NodeListOf<HTMLTableElement>;
  querySelectorAll(selectors: `[data-map-controls]${string}`): NodeListOf<HTMLFormElement>;
  querySelectorAll(selectors: "output"): NodeListOf<HTMLOutputElement>;
  querySelectorAll<E extends Element = HTMLElement>(selectors: string): NodeListOf<E>;
}

interface Element {
  closest<E extends Element = HTMLElement>(selectors: string): E | null;
}
