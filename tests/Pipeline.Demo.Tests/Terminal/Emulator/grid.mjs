// Reads the bytes of a terminal's output and prints the screen: its lines, then where they have colours, by row and columns from 1.
// Each file of bytes is followed by the size that the terminal has while it is written.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, ...pieces] = process.argv.slice(2);
const { Terminal } = createRequire(join(modules, 'index.js'))('@xterm/headless');
const terminal = new Terminal({ cols: Number(pieces[1]), rows: Number(pieces[2]), allowProposedApi: true });
for (let piece = 0; piece < pieces.length; piece += 3) {
  terminal.resize(Number(pieces[piece + 1]), Number(pieces[piece + 2]));
  await new Promise(done => terminal.write(readFileSync(pieces[piece]), done));
}

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
    if (run?.style !== style) runs.push(run = { y, from: x, to: x, style });
    run.to = x + cell.getWidth() - 1;
  }
}

console.log(`${terminal.cols} x ${terminal.rows}, the cursor at row ${buffer.cursorY + 1}, column ${buffer.cursorX + 1}`);
for (const line of screen) console.log(`|${line}`);
for (const run of runs) if (run.style) console.log(`row ${run.y + 1}, columns ${run.from + 1} to ${run.to + 1}: ${run.style}`);
