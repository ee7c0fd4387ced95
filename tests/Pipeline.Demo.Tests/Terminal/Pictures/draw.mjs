// Draws the bytes of a terminal's output in a browser, on a dark and on a light ground: FOLDER/NAME-dark.png and FOLDER/NAME-light.png.
// Prints the lines as they are drawn, then each text that is hard to read on its ground. Ends with 3 where there is no browser.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, bytes, columns, rows, prefix] = process.argv.slice(2);
const grounds = {
  dark: { background: '#1e1e1e', foreground: '#d4d4d4', cursor: '#d4d4d4', red: '#cd3131', green: '#0dbc79', brightRed: '#f14c4c', brightGreen: '#23d18b' },
  light: { background: '#ffffff', foreground: '#333333', cursor: '#333333', red: '#cd3131', green: '#107c10', brightRed: '#cd3131', brightGreen: '#14a114' },
};

let browser;
try {
  const load = name => import(pathToFileURL(createRequire(join(modules, 'index.js')).resolve(name)));
  const { default: chromium } = await load('@sparticuz/chromium');
  const { default: puppeteer } = await load('puppeteer-core');
  browser = await puppeteer.launch({ executablePath: await chromium.executablePath(), args: chromium.args, headless: 'shell' });
} catch (error) {
  console.log(error.message);
  process.exit(3);
}

const linesOf = async (page, theme) => page.evaluate(async (data, cols, rows, theme) => {
  const terminal = new Terminal({ cols, rows, theme, fontFamily: "'DejaVu Sans Mono', monospace", fontSize: 14 });
  terminal.open(document.getElementById('terminal'));
  await new Promise(done => terminal.write(Uint8Array.from(data), done));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));

  const light = colour => colour.match(/[0-9.]+/g).slice(0, 3).map(Number).map(part => part / 255).map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (one, other) => (Math.max(light(one), light(other)) + 0.05) / (Math.min(light(one), light(other)) + 0.05);
  const ground = getComputedStyle(document.body).backgroundColor;
  const drawn = [...document.querySelectorAll('.xterm-rows > div')];
  // Three to one is what is asked of large and of bold letters.
  const faint = drawn.flatMap(line => [...line.children]).filter(span => span.textContent.trim() && !span.classList.contains('xterm-cursor') && contrast(getComputedStyle(span).color, ground) < 3);
  return { lines: drawn.map(line => line.textContent.replaceAll('\u00a0', ' ').trimEnd()), faint: faint.map(span => `${span.textContent}: ${getComputedStyle(span).color}`) };
}, [...readFileSync(bytes)], Number(columns), Number(rows), theme);

const faint = [];
for (const [name, theme] of Object.entries(grounds)) {
  const page = await browser.newPage();
  await page.setViewport({ width: 1600, height: 1000 });
  await page.setContent(`<!doctype html><meta charset="utf-8"><style>${readFileSync(join(modules, '@xterm/xterm/css/xterm.css'), 'utf8')}</style>
    <body style="margin:0;background:${theme.background}"><div id="frame" style="display:inline-block;padding:8px;background:${theme.background}"><div id="terminal"></div></div>`);
  await page.addScriptTag({ path: join(modules, '@xterm/xterm/lib/xterm.js') });
  const drawn = await linesOf(page, theme);
  if (name === 'dark') for (const line of drawn.lines) console.log(`|${line}`);
  faint.push(...drawn.faint.map(text => `${name}: ${text}`));
  await (await page.$('#frame')).screenshot({ path: `${prefix}-${name}.png` });
}

await browser.close();
for (const text of faint) console.log(text);
