// Interprets all documents of an exported folder and compares what its tables hold then with the rows that are expected:
// node compare.mjs FOLDER [TABLE]. A line for each output; exits with 1 if one differs.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { name, open, paths, text, typeOf } from './duckdb.mjs';
import { interpret } from './interpret.mjs';

const [folder, table] = process.argv.slice(2);
const { jobs } = JSON.parse(await readFile(join(folder, 'jobs.json'), 'utf8'));
await mkdir(join(folder, 'answers'), { recursive: true });
const session = await open();
let [documents, outputs, rows, differences] = [0, 0, 0, 0];
for (const job of jobs.filter(job => table === undefined || job.table === table)) {
  for (const { path, sha256 } of job.documents.filter(document => document.dialect === 'duckdb')) {
    const execution = randomBytes(8).toString('hex');
    const answer = await interpret(join(folder, path), sha256, execution, join(folder, 'answers', `${basename(path, '.json')}.${execution}.json`));
    documents++;
    if (answer.failure !== undefined) {
      differences++;
      console.log(`${path} fails: ${answer.failure.thing}: ${answer.failure.cause} ${answer.failure.next}`);
      continue;
    }

    const document = JSON.parse(await readFile(join(folder, path), 'utf8'));
    for (const expected of job.outputs) {
      const found = await compare(document.outputs.find(one => one.name === expected.name), expected, answer.outputs.find(one => one.name === expected.name));
      outputs++;
      rows += found.rows;
      differences += found.missing + found.strange + found.columns;
      console.log(`${job.table}#${job.run} ${expected.name}: ${found.rows} rows expected, ${found.missing} missing, ${found.strange} strange, ${found.columns} columns differ`);
    }
  }
}

session.close();
console.log(`${documents} documents, ${outputs} outputs, ${rows} rows, ${differences} differences`);
process.exit(differences === 0 ? 0 : 1);

async function compare(output, expected, answered) {
  const location = join(folder, 'lake', output.location);
  const columns = output.columns.map(column => name(column.name)).join(', ');
  const wanted = `SELECT ${columns} FROM read_parquet(${text(join(folder, expected.expected))})`;
  const held = `SELECT ${columns} FROM (${before(output, expected, answered, location)} UNION ALL SELECT ${columns} FROM ${files(output, answered.files.map(file => join(location, file.path)))})`;
  const count = async sql => Number((await session.rows(`SELECT count(*) AS n FROM (${sql})`))[0].n);
  return {
    rows: await count(wanted),
    missing: await count(`${wanted} EXCEPT ALL ${held}`),
    strange: await count(`${held} EXCEPT ALL ${wanted}`),
    columns: await otherColumns(output, answered.files.map(file => join(location, file.path)), join(folder, expected.expected)),
  };
}

/** The rows that the table had before and the answer has left there. */
function before(output, expected, { rewritten = [], marks }, location) {
  const rest = expected.before.filter(path => !rewritten.includes(path)).map(path => join(location, path));
  const marked = marks === undefined ? '' : ` ANTI JOIN (SELECT ${text(`${location}/`)} || _file AS "=file", _file_row AS "=row" FROM read_parquet(${paths([join(location, marks.path)])})) USING ("=file", "=row")`;
  return `SELECT ${output.columns.map(column => name(column.name)).join(', ')} FROM (SELECT * RENAME (file_row_number AS "=row") FROM ${files(output, rest)})${marked}`;
}

/** Files as rows of an output's columns, and where they lie. */
function files(output, list) {
  const none = `SELECT ${output.columns.map(column => `CAST(NULL AS ${typeOf(column.type)}) AS ${name(column.name)}`).join(', ')}, CAST(NULL AS VARCHAR) AS "=file", CAST(NULL AS BIGINT) AS file_row_number WHERE false`;
  if (list.length === 0) return `(${none})`;
  return `(${none} UNION ALL BY NAME SELECT * FROM read_parquet(${paths(list)}, hive_partitioning = false, union_by_name = true, filename = '=file', file_row_number = true))`;
}

/** In how many written files names, order or types of columns are others than in the expected one. */
async function otherColumns(output, written, expected) {
  const shape = async path => JSON.stringify((await session.rows(`DESCRIBE SELECT * FROM read_parquet(${paths([path])}, hive_partitioning = false)`)).map(column => [column.column_name, column.column_type]));
  const wanted = await shape(expected);
  let others = 0;
  for (const path of written) if (await shape(path) !== wanted) others++;
  return others;
}
