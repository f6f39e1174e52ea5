// Drawn symbols, so that the page looks the same where no emoji font is installed.

const G = "#2f9e6b", R = "#d0414f", Y = "#e0a52b", B = "#3f86c9", P = "#8a6fb5", N = "#7d8f91", O = "#dd7d33", D = "#3a4a4c", W = "#ffffff";

const disc = (fill) => [["circle", { cx: 12, cy: 12, r: 9, fill }]];
const tile = (fill) => ["rect", { x: 2, y: 2, width: 20, height: 20, rx: 5, fill }];
const line = (d, stroke = "currentColor", width = 2.2) =>
  ["path", { d, fill: "none", stroke, "stroke-width": width, "stroke-linecap": "round", "stroke-linejoin": "round" }];
const shape = (d, fill) => ["path", { d, fill }];
const arrow = (d) => [tile(B), line(d, W)];

const BELL = shape("M12 3a6 6 0 0 0-6 6v5l-2 3h16l-2-3V9a6 6 0 0 0-6-6zm-2 15a2 2 0 0 0 4 0z", Y);
const SHEET = [["rect", { x: 4, y: 2, width: 16, height: 20, rx: 2, fill: N }], line("M8 8h8M8 12h8M8 16h5", W, 1.8)];
const GLASS = [shape("M6 2h12v3l-5 7 5 7v3H6v-3l5-7-5-7z", N), shape("M9 19l3-4 3 4z", Y)];
const LENS = [["circle", { cx: 10, cy: 10, r: 6, fill: "none", stroke: B, "stroke-width": 2.5 }], line("M15 15l6 6", D, 3)];
const CLOCK = [["circle", { cx: 12, cy: 13, r: 8.5, fill: W, stroke: N, "stroke-width": 2 }], line("M12 8v5l3 2M12 2v2", D, 2)];
const STOP = [shape("M8 2h8l6 6v8l-6 6H8l-6-6V8z", R), line("M7 12h10", W, 3)];
const THUMB = (turn) => [["path", { d: "M3 11h4v10H3zM8 11l4-9c2 0 3 1 3 3l-1 5h6c1.500 0 2 1 2 2l-2 8c0 1-1 1-2 1H8z", fill: Y, transform: turn }]];

const SHAPES = {
  white_check_mark: [tile(G), line("M7 12.5l3.500 3.500L17.500 8.500", W, 2.8)],
  heavy_check_mark: [line("M4 13l5.500 5.500L20 6.500", G, 3.4)],
  x: [line("M5 5l14 14M19 5L5 19", R, 3.6)],
  warning: [shape("M12 2.500L23 21.500H1z", Y), line("M12 9.500v5M12 18v.1", D, 2.4)],
  rotating_light: [shape("M5 18a7 9 0 0 1 14 0z", R), shape("M3 18h18v4H3z", N), line("M12 3v2M4 6l1.500 1.500M20 6l-1.500 1.500", R, 1.8)],
  fire: [shape("M12 2c1 5 7 7 7 13a7 7 0 0 1-14 0c0-3 2-4 2-7 2 1 3 2 3 4 1-3 2-6 2-10z", O), shape("M12 13c2 2 3 3 3 5a3 3 0 0 1-6 0c0-2 2-3 3-5z", Y)],
  hourglass: GLASS, hourglass_flowing_sand: GLASS,
  lock: [["rect", { x: 5, y: 10, width: 14, height: 11, rx: 2, fill: Y }], line("M8 10V7a4 4 0 0 1 8 0v3", N, 2.2)],
  unlock: [["rect", { x: 5, y: 10, width: 14, height: 11, rx: 2, fill: Y }], line("M8 10V7a4 4 0 0 1 8-1", N, 2.2)],
  key: [["circle", { cx: 8, cy: 9, r: 4.5, fill: "none", stroke: Y, "stroke-width": 3 }], line("M11.500 12.500L20 21M17 18l2.500-2.500", Y, 3)],
  bell: [BELL], no_bell: [BELL, line("M3 3l18 18", R, 2.6)],
  mag: LENS, mag_right: LENS,
  information_source: [tile(B), line("M12 11v6M12 7v.1", W, 2.8)],
  question: [line("M8 8a4 4 0 1 1 5.500 3.700c-1 .5-1.500 1.300-1.500 2.800M12 19v.1", R, 3)],
  exclamation: [line("M12 4v10M12 19v.1", R, 3.4)],
  no_entry: [...disc(R), line("M7.500 12h9", W, 3)],
  no_entry_sign: [["circle", { cx: 12, cy: 12, r: 8.5, fill: "none", stroke: R, "stroke-width": 3 }], line("M6 6l12 12", R, 3)],
  octagonal_sign: STOP, stop_sign: STOP,
  arrow_right: arrow("M6 12h12M13 7l5 5-5 5"), arrow_left: arrow("M18 12H6M11 7l-5 5 5 5"),
  arrow_up: arrow("M12 18V6M7 11l5-5 5 5"), arrow_down: arrow("M12 6v12M7 13l5 5 5-5"),
  rewind: [tile(B), line("M11 7l-5 5 5 5M18 7l-5 5 5 5", W)],
  leftwards_arrow_with_hook: arrow("M9 7l-4 4 4 4M5 11h9a4 4 0 0 1 0 7"),
  arrows_counterclockwise: arrow("M18 8a7 7 0 0 0-12 2M6 16a7 7 0 0 0 12-2M18 4v4h-4M6 20v-4h4"),
  repeat: arrow("M6 11V9h12M15 6l3 3-3 3M18 13v2H6M9 12l-3 3 3 3"),
  red_circle: disc(R), large_green_circle: disc(G), large_yellow_circle: disc(Y), large_orange_circle: disc(O),
  large_blue_circle: disc(B), black_circle: disc(D), white_circle: [["circle", { cx: 12, cy: 12, r: 8.5, fill: W, stroke: N, "stroke-width": 1.5 }]],
  package: [shape("M2 7l10-5 10 5v11l-10 5-10-5z", "#b98a55"), line("M2 7l10 5 10-5M12 12v11", "#7d5a30", 1.6)],
  floppy_disk: [tile(B), ["rect", { x: 7, y: 2, width: 10, height: 7, fill: W }], ["rect", { x: 6, y: 13, width: 12, height: 9, fill: W }]],
  chart_with_upwards_trend: [tile("#e9efee"), line("M5 17l5-5 3 3 6-8", R, 2.2)],
  chart_with_downwards_trend: [tile("#e9efee"), line("M5 7l5 5 3-3 6 8", B, 2.2)],
  bar_chart: [tile("#e9efee"), line("M7 18v-6M12 18V6M17 18v-9", B, 3)],
  memo: SHEET, scroll: SHEET, page_facing_up: SHEET,
  link: [line("M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1", N, 2.4)],
  gear: [["circle", { cx: 12, cy: 12, r: 6, fill: "none", stroke: N, "stroke-width": 4 }], line("M12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2", N, 3)],
  wrench: [line("M5 19l8-8", N, 4), ["path", { d: "M13 5a5 5 0 0 0 6 6l3-3-3 .5-2-2L17.500 3z", fill: N }]],
  hammer_and_wrench: [line("M5 19L15 9M19 19L9 9", N, 3), ["rect", { x: 4, y: 3, width: 9, height: 6, rx: 1, fill: D }]],
  shield: [shape("M12 2l9 3v7c0 5-4 8-9 10-5-2-9-5-9-10V5z", B)],
  stopwatch: CLOCK, clock1: CLOCK,
  calendar: [["rect", { x: 3, y: 4, width: 18, height: 17, rx: 2, fill: "#e9efee" }], ["rect", { x: 3, y: 4, width: 18, height: 6, rx: 2, fill: R }], line("M8 14h8M8 17h5", N, 1.8)],
  rocket: [shape("M12 1c4 3 5 8 4 13H8C7 9 8 4 12 1z", "#9fb4b6"), ["circle", { cx: 12, cy: 8, r: 2, fill: B }], shape("M8 12l-4 5h5zM16 12l4 5h-5z", R), shape("M10 16h4l-2 6z", O)],
  tada: [shape("M3 21L8 8l8 8z", Y), line("M13 3c1 2 0 3-1 4M21 11c-2-1-3 0-4 1M17 7l3-3", P, 2), ["circle", { cx: 19, cy: 17, r: 1.6, fill: R }], ["circle", { cx: 7, cy: 4, r: 1.6, fill: B }]],
  eyes: [["ellipse", { cx: 7, cy: 12, rx: 4.5, ry: 6.5, fill: W, stroke: N, "stroke-width": 1.4 }], ["ellipse", { cx: 17, cy: 12, rx: 4.5, ry: 6.5, fill: W, stroke: N, "stroke-width": 1.4 }], ["circle", { cx: 8, cy: 13, r: 2.2, fill: D }], ["circle", { cx: 18, cy: 13, r: 2.2, fill: D }]],
  robot_face: [["rect", { x: 4, y: 7, width: 16, height: 13, rx: 3, fill: N }], ["circle", { cx: 9, cy: 13, r: 1.8, fill: W }], ["circle", { cx: 15, cy: 13, r: 1.8, fill: W }], line("M12 7V3", N, 2)],
  zap: [shape("M13 1L4 14h6l-1 9 10-14h-6z", Y)],
  sparkles: [shape("M10 4l2 6 6 2-6 2-2 6-2-6-6-2 6-2zM19 2l1 3 3 1-3 1-1 3-1-3-3-1 3-1z", Y)],
  "+1": THUMB(""), thumbsup: THUMB(""), "-1": THUMB("rotate(180 12 12)"), thumbsdown: THUMB("rotate(180 12 12)"),
  heart: [shape("M12 21C3 14 2 9 4 6s6-3 8 1c2-4 6-4 8-1s1 8-8 15z", R)],
  // For the page itself, in the colour of the text around them.
  "ui-eye": [line("M2 12c4-8 16-8 20 0-4 8-16 8-20 0z", "currentColor", 2), ["circle", { cx: 12, cy: 12, r: 3, fill: "currentColor" }]],
  "ui-thread": [line("M4 4h16v11H11l-5 5v-5H4z")],
  "ui-lock": [["rect", { x: 5, y: 11, width: 14, height: 10, rx: 2, fill: "currentColor" }], line("M8 11V8a4 4 0 0 1 8 0v3")],
  "ui-shared": [line("M4 9h14l-4-4M20 15H6l4 4")],
  "ui-hash": [line("M9 4L7 20M17 4l-2 16M4 9h17M3 15h17")],
  "ui-app": [line("M12 3l9 9-9 9-9-9z")],
  "ui-close": [line("M5 5l14 14M19 5L5 19")],
  "ui-menu": [line("M4 6h16M4 12h16M4 18h16")],
  "ui-image": [line("M3 5h18v14H3zM3 16l6-5 5 4 3-2 4 3")],
};

const SVG = "http://www.w3.org/2000/svg";

/** A drawn symbol, or null if this one is not drawn. Hidden from screen readers. */
export function icon(name) {
  const parts = Object.hasOwn(SHAPES, name) ? SHAPES[name] : null;
  if (!parts) return null;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon-svg");
  svg.setAttribute("aria-hidden", "true");
  for (const [tag, attributes] of parts) {
    const part = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, String(value));
    svg.append(part);
  }
  return svg;
}
