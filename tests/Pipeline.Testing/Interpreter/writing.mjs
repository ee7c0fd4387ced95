// From a relation to the files of an output.
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { name, qualified, text, typeOf } from './duckdb.mjs';

/** Writes what a step says and returns what the answer says of it. */
export async function write(session, root, execution, step, output) {
  const table = name(`=rows of ${output.name}`);
  const columns = output.columns.map(column => `CAST(${name(column.name)} AS ${typeOf(column.type)}) AS ${name(column.name)}`);
  const order = output.order?.length > 0 ? ` ORDER BY ${output.order.map(name).join(', ')}` : '';
  // Ordered after the cast: it is the written values that lie in order. A table's rows keep the order that they came in.
  await session.run(`CREATE TABLE ${table} AS SELECT * FROM (SELECT ${columns.join(', ')} FROM ${qualified(step.from)})${order}`);
  if (step.as !== undefined) await session.run(`CREATE VIEW ${qualified(step.as)} AS SELECT * FROM ${table}`);

  const own = `x-${execution}`;
  const location = join(root, output.location);
  await mkdir(location, { recursive: true });
  await mkdir(join(location, own));
  const copy = async (sql, path) => {
    const [{ Count: rows }] = await session.rows(`COPY (${sql}) TO ${text(join(location, path))} (FORMAT parquet)`);
    return { path, size: (await stat(join(location, path))).size, rows: Number(rows) };
  };

  const answer = { name: output.name, files: [] };
  const [{ count }] = await session.rows(`SELECT count(*) AS count FROM ${table}`);
  const rows = Number(count);
  // The first file's size says into how many files the rows go.
  let each = rows;
  for (let from = 0, part = 0; from < rows; from += each, part++) {
    const path = `${own}/part-${String(part).padStart(5, '0')}.parquet`;
    const rowsFrom = first => `SELECT * FROM ${table} WHERE rowid >= ${first} AND rowid < ${first + each} ORDER BY rowid`;
    let file = await copy(rowsFrom(from), path);
    if (part === 0 && file.size > 1.5 * output.targetBytes) {
      each = Math.ceil(rows / Math.round(file.size / output.targetBytes));
      file = await copy(rowsFrom(from), path);
    }
    answer.files.push(file);
  }

  if (step.replaced !== undefined) {
    const marks = `SELECT CAST(_file AS VARCHAR) AS _file, CAST(_file_row AS BIGINT) AS _file_row FROM ${qualified(step.replaced)}`;
    const [{ some }] = await session.rows(`SELECT count(*) > 0 AS some FROM (${marks})`);
    if (some) answer.marks = await copy(`${marks} ORDER BY ALL`, `${own}/marks.parquet`);
  }
  if (step.rewritten !== undefined) answer.rewritten = (await session.rows(`SELECT DISTINCT _file FROM ${qualified(step.rewritten)} ORDER BY _file`)).map(row => row._file);
  return answer;
}
