// DuckDB's client, from the folder of modules that NODE_PATH names, and how its SQL is written.
import { createRequire } from 'node:module';

const { DuckDBInstance } = createRequire(import.meta.url)('@duckdb/node-api');

export const text = value => `'${value.replaceAll("'", "''")}'`;

export const name = value => `"${value.replaceAll('"', '""')}"`;

/** A name of one part or two. */
export const qualified = value => value.split('.').map(name).join('.');

/** Paths as DuckDB takes them: no character of them is a pattern. */
export const paths = list => `[${list.map(path => text(path.replace(/[*?[]/g, '[$&]'))).join(', ')}]`;

const TYPES = {
  string: 'VARCHAR', long: 'BIGINT', int: 'INTEGER', short: 'SMALLINT', byte: 'TINYINT', float: 'FLOAT', double: 'DOUBLE',
  boolean: 'BOOLEAN', binary: 'BLOB', date: 'DATE', timestamp: 'TIMESTAMPTZ',
};

/** A column's type in DuckDB's words. */
export function typeOf(type) {
  if (Object.hasOwn(TYPES, type)) return TYPES[type];
  if (/^decimal\(\d+,\s*\d+\)$/.test(type)) return type.toUpperCase();
  const element = /^array<(.+)>$/.exec(type)?.[1];
  if (element !== undefined) return `${typeOf(element)}[]`;
  throw new Error(`There is no type ${type}`);
}

/** A session with the settings that documents are written for. */
export async function open() {
  const instance = await DuckDBInstance.create(':memory:', { autoinstall_known_extensions: 'false', autoload_known_extensions: 'false' });
  const connection = await instance.connect();
  const run = sql => connection.run(sql);
  await run("SET TimeZone = 'UTC'");
  await run('SET ieee_floating_point_ops = false');
  return {
    run,
    /** The rows of a query, as objects; what JavaScript cannot hold is text. */
    rows: async sql => (await connection.runAndReadAll(sql)).getRowObjectsJson(),
    /** The rows of a query, as arrays: two columns may have one name. */
    values: async sql => (await connection.runAndReadAll(sql)).getRowsJson(),
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}
