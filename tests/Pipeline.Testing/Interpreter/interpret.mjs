// Interprets the document of a job: node interpret.mjs DOCUMENT SHA256 EXECUTION ANSWER. Exits with 0 if the answer says what was
// written, with 1 if it says why nothing was, and with 2, without an answer, if it was called wrongly.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { name, open, qualified } from './duckdb.mjs';
import { relate } from './relations.mjs';
import { write } from './writing.mjs';

/** How a run ends that has failed: what the answer says of it. */
class Failure extends Error {
  constructor(kind, thing, cause, next) {
    super(`${thing}: ${cause} ${next}`);
    this.words = { kind, thing, cause, next };
  }
}

/** Does what the document says, and leaves the answer, which is returned. */
export async function interpret(path, sha256, execution, answerPath) {
  if (!/^[A-Za-z0-9]+$/.test(execution)) throw new Error(`${execution} is no execution's id: it has only letters and digits.`);
  if (existsSync(answerPath)) throw new Error(`${answerPath} is there already.`);
  const bytes = await readFile(path);
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new Error(`${path} is not the document with SHA-256 ${sha256}.`);
  const answer = { format: 1, document: sha256, execution };
  try {
    Object.assign(answer, await new Run(JSON.parse(bytes), dirname(path), execution).done());
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    answer.failure = error.words;
  }
  // A link is there whole or not at all, and never takes another's place.
  const draft = `${answerPath}.${execution}`;
  await writeFile(draft, JSON.stringify(answer));
  await link(draft, answerPath);
  await rm(draft);
  return answer;
}

class Run {
  constructor(document, directory, execution) {
    this.document = document;
    this.root = resolve(directory, document.root);
    this.execution = execution;
    this.outputs = [];
    this.figures = {};
    this.steps = {
      define: step => this.define(step),
      judge: step => this.judge(step),
      check: step => this.check(step),
      write: step => this.write(step),
      figures: step => this.bring(step),
    };
  }

  async done() {
    this.refuseWhatIsUnknown();
    this.session = await open();
    try {
      for (const relation of this.document.relations ?? []) await this.or(`relation ${relation.name}`, undefined, () => relate(this.session, this.root, relation));
      await this.all(this.document.steps);
    } finally {
      this.session.close();
    }
    return { outputs: this.outputs, figures: this.figures };
  }

  refuseWhatIsUnknown() {
    const { format, dialect, root, steps } = this.document;
    const refuse = cause => {
      throw new Failure('invalid', this.thing, cause, 'Give it to an engine that knows it.');
    };
    if (format !== 1) refuse(`its format is ${format}, and 1 is known.`);
    if (dialect !== 'duckdb') refuse(`its statements are of dialect ${dialect}, and duckdb is spoken here.`);
    if (/^\w+:\/\//.test(root)) refuse(`its root is ${root}, and only directories are read here.`);
    const look = list => {
      for (const step of list) {
        if (!Object.hasOwn(this.steps, step.do)) refuse(`it has a step ${step.do}, which is not known.`);
        look(step.otherwise ?? []);
      }
    };
    look(steps);
  }

  get thing() {
    return `Run ${this.document.run?.number} of ${this.document.run?.table}`;
  }

  async all(steps) {
    for (const step of steps) await this.steps[step.do](step);
  }

  async define(step) {
    const make = `CREATE ${step.keep ? 'TABLE' : 'VIEW'} ${qualified(step.name)} AS ${step.sql}`;
    if (step.otherwise === undefined) return this.or(`define ${step.name}`, step.rowFault, () => this.session.run(make));
    try {
      await this.session.run(make);
    } catch (error) {
      if (!isOfRows(error)) throw this.failed(`define ${step.name}`, error);
      await this.all(step.otherwise);
    }
  }

  async judge(step) {
    const { session } = this;
    const [rows, verdicts] = [name(`=rows of ${step.name}`), name(`=verdicts of ${step.name}`)];
    await this.or(`judge ${step.name}`, undefined, async () => {
      await session.run(`CREATE TABLE ${rows} AS ${step.rows}`);
      await session.run(`CREATE TABLE ${verdicts} (rule INTEGER, n BIGINT, verdict INTEGER)`);
      const [{ count }] = await session.rows(`SELECT count(*) AS count FROM ${rows}`);
      for (const [rule, condition] of step.checks.entries()) if (Number(count) > 0) await this.verdicts(rows, verdicts, rule, condition, 1, Number(count));
      const found = step.checks.map((_, rule) => `(SELECT verdict FROM ${verdicts} AS v WHERE v.rule = ${rule} AND v.n = r._n) AS _rule_${rule}`);
      await session.run(`CREATE TABLE ${qualified(step.name)} AS SELECT ${[...step.columns.map(column => `r.${name(column)}`), ...found].join(', ')} FROM ${rows} AS r`);
    });
  }

  /** How a condition ends on the rows of a range: where it fails on one of them, each half is asked. */
  async verdicts(rows, verdicts, rule, condition, low, high) {
    const range = `FROM ${rows} WHERE _n BETWEEN ${low} AND ${high}`;
    try {
      await this.session.run(`INSERT INTO ${verdicts} SELECT ${rule}, _n, CASE WHEN NOT (${condition}) THEN 0 ELSE 1 END ${range}`);
    } catch (error) {
      if (!isOfRows(error)) throw error;
      if (low === high) return void await this.session.run(`INSERT INTO ${verdicts} SELECT ${rule}, _n, 2 ${range}`);
      const middle = low + Math.floor((high - low) / 2);
      await this.verdicts(rows, verdicts, rule, condition, low, middle);
      await this.verdicts(rows, verdicts, rule, condition, middle + 1, high);
    }
  }

  async check(step) {
    const [first] = await this.or('check', undefined, () => this.session.values(step.sql));
    if (first !== undefined) throw worded(step.fault, first);
  }

  async write(step) {
    const output = this.document.outputs.find(one => one.name === step.output);
    this.outputs.push(await this.or(`write ${step.output}`, step.rowFault, () => write(this.session, this.root, this.execution, step, output)));
  }

  async bring(step) {
    const rows = await this.or(`figures ${step.name}`, undefined, () => this.session.rows(step.sql));
    this.figures[step.name] = rows.map(row => step.columns.map(column => row[column.name] === null ? null : String(row[column.name])));
  }

  /** What an act returns, or the failure of the run in the words that there are for it. */
  async or(what, rowFault, act) {
    try {
      return await act();
    } catch (error) {
      if (rowFault !== undefined && isOfRows(error)) throw worded(rowFault, [firstLine(error)]);
      throw this.failed(what, error);
    }
  }

  failed(what, error) {
    if (error instanceof Failure) return error;
    return new Failure(kindOf(error), this.thing, `${what} fails: ${firstLine(error)}.`, 'Read the message, and the document at this place.');
  }
}

/** A fault's words, each place filled once: what a value holds is no place. */
function worded(fault, values) {
  const fill = words => words.replace(/\{(\d+)\}/g, (place, at) => at < values.length ? String(values[at]) : place);
  return new Failure('invalid', fill(fault.thing), fill(fault.cause), fill(fault.next));
}

const firstLine = error => error.message.split('\n', 1)[0].replace(/\.$/, '');

/** DuckDB's own word for what went wrong, with which its messages begin. */
const wordOf = error => /^(?:TransactionContext Error: )?([A-Z][A-Za-z ]*?) Error: /.exec(error.message)?.[1];

/** Whether a statement has failed because of what a row holds: a conversion, an overflow, a division. */
function isOfRows(error) {
  return !isOfFile(error) && ['Conversion', 'Out of Range', 'Invalid Input', 'Mismatch Type', 'Divide by Zero', 'Decimal'].includes(wordOf(error));
}

const isOfFile = error => wordOf(error) === 'IO' || /magic bytes|parquet file/i.test(error.message);

function kindOf(error) {
  const word = wordOf(error);
  if (word === 'Out of Memory') return 'too-large';
  if (word === 'HTTP' || word === 'Connection') return 'unreachable';
  if (isOfFile(error)) return 'damaged';
  return word === undefined || word === 'INTERNAL' || word === 'FATAL' ? 'defect' : 'invalid';
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const answer = await interpret(...process.argv.slice(2, 6));
    if (answer.failure !== undefined) console.error(`${answer.failure.thing}: ${answer.failure.cause} ${answer.failure.next}`);
    process.exitCode = answer.failure === undefined ? 0 : 1;
  } catch (error) {
    console.error(error.message);
    process.exitCode = 2;
  }
}
