// Data files as tables that statements can name.
import { join } from 'node:path';
import { name, paths, qualified, typeOf } from './duckdb.mjs';

/** Makes the relation that a document describes. */
export async function relate(session, root, relation) {
  const parts = relation.name.split('.');
  if (parts.length > 1) await session.run(`CREATE SCHEMA IF NOT EXISTS ${name(parts[0])}`);
  const location = join(root, relation.location);
  const groups = await byShape(session, (relation.files ?? []).map(file => join(location, file.path)));
  const selects = groups.map(group => select(relation, location, group));
  if (selects.length === 0) selects.push(`SELECT ${columns(relation, [], 'NULL', 'NULL')} WHERE false`);
  await session.run(`CREATE VIEW ${qualified(relation.name)} AS ${selects.join(' UNION ALL ')}`);
}

/** Files in groups of the same columns and types, so that each value is cast from what it is. */
async function byShape(session, files) {
  if (files.length === 0) return [];
  const nodes = new Map(files.map(file => [file, []]));
  const schema = `SELECT file_name, name, type, converted_type, logical_type, precision, scale, num_children FROM parquet_schema(${paths(files)})`;
  for (const { file_name, ...node } of await session.rows(schema)) nodes.get(file_name).push(node);
  const groups = new Map();
  for (const [file, [root, ...below]] of nodes) {
    const shape = JSON.stringify(below);
    if (!groups.has(shape)) groups.set(shape, { files: [], present: children(Number(root.num_children), below) });
    groups.get(shape).files.push(file);
  }
  return [...groups.values()];
}

/** The names of the next nodes of one level; what is below them lies between them. */
function children(count, nodes) {
  const names = [];
  let at = 0;
  const pass = () => {
    for (let left = Number(nodes[at++].num_children ?? 0); left > 0; left--) pass();
  };
  for (; names.length < count; pass()) names.push(nodes[at].name);
  return names;
}

function select(relation, location, { files, present }) {
  const source = list => `read_parquet(${paths(list)}, hive_partitioning = false, filename = '=file', file_row_number = true)`;
  const file = `substr("=file", ${[...location].length + 2})`;
  const rows = relation.leftOut === undefined ? source(files)
    : `(SELECT * FROM ${source(files)} AS f ANTI JOIN (SELECT _file AS "=of", _file_row AS "=row" FROM ${source([join(location, relation.leftOut)])}) AS x
        ON x."=of" = ${file} AND x."=row" = f.file_row_number)`;
  return `SELECT ${columns(relation, present, file, 'file_row_number')} FROM ${rows}`;
}

function columns(relation, present, file, row) {
  const list = relation.columns.map(({ name: column, type }) => `CAST(${present.includes(column) ? name(column) : 'NULL'} AS ${typeOf(type)}) AS ${name(column)}`);
  if (relation.origin) list.push(`CAST(${file} AS VARCHAR) AS _file`, `CAST(${row} AS BIGINT) AS _file_row`);
  return list.join(', ');
}
