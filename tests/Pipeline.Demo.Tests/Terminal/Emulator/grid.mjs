// Reads the bytes of a terminal's output and prints the screen: its lines, then where they have colours, by row and columns from 1.
// With a folder it writes the screen there as a page for each ground, to be looked at.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, bytes, columns, rows, folder] = process.argv.slice(2);
const { Terminal } = createRequire(join(modules, 'index.js'))('@xterm/headless');
const terminal = new Terminal({ cols: Number(columns), rows: Number(rows), allowProposedApi: true });
await new Promise(done => terminal.write(readFileSync(bytes), done));

const buffer = terminal.buffer.active;
const names = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
const styleOf = cell => [cell.isBold() ? 'bold' : '', cell.isFgDefault() ? '' : names[cell.getFgColor()] ?? `colour ${cell.getFgColor()}`,
  cell.isBgDefault() ? '' : `on ${names[cell.getBgColor()] ?? cell.getBgColor()}`].filter(word => word).join(' ');

const runs = [];
const screen = [];
for (let y = 0; y < terminal.rows; y++) {
  const line = buffer.getLine(buffer.baseY + y);
  screen.push(line.translateToString(true));
  let run = null;
  for (let x = 0; x < terminal.cols; x++) {
    const cell = line.getCell(x);
    if (cell.getWidth() === 0) continue;
    const style = styleOf(cell);
    if (run?.style !== style) runs.push(run = { y, from: x, to: x, style, text: '' });
    run.to = x + cell.getWidth() - 1;
    run.text += cell.getChars() || ' ';
  }
}

console.log(`${columns} x ${rows}, the cursor at row ${buffer.cursorY + 1}, column ${buffer.cursorX + 1}`);
for (const line of screen) console.log(`|${line}`);
for (const run of runs) if (run.style) console.log(`row ${run.y + 1}, columns ${run.from + 1} to ${run.to + 1}: ${run.style}`);

if (folder) {
  const escape = text => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const grounds = { dark: ['#1e1e1e', '#d4d4d4', { red: '#f14c4c', green: '#23d18b' }], light: ['#ffffff', '#333333', { red: '#cd3131', green: '#107c10' }] };
  for (const [name, [back, front, colours]] of Object.entries(grounds)) {
    const lines = screen.map((_, y) => runs.filter(run => run.y === y).map(run => {
      const colour = colours[run.style.split(' ').at(-1)] ?? front;
      return `<span style="color:${colour};${run.style.includes('bold') ? 'font-weight:bold' : ''}">${escape(run.text)}</span>`;
    }).join(''));
    writeFileSync(join(folder, `${name}.html`), `<!doctype html><meta charset="utf-8"><body style="margin:8px;background:${back}"><pre style="margin:0;font:15px/18px 'DejaVu Sans Mono',monospace;width:${columns}ch;overflow:hidden">${lines.join('\n')}</pre>`);
  }
}
