// Prints the rows of files that a pattern names, then how many rows some filters find.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const [modules, pattern] = process.argv.slice(2);
const pl = createRequire(pathToFileURL(path.join(modules, 'x.js')))('nodejs-polars');
// As the log has them.
const schema = { key: pl.Int64, flag: pl.Bool, amount: pl.Decimal(12, 2), at: pl.Datetime('us', 'UTC'), part: pl.Float64, tags: pl.List(pl.Utf8), more: pl.Utf8 };
const scan = () => pl.scanParquet(pattern, { hivePartitioning: true, schema, hiveSchema: { _day: pl.Date }, missingColumns: 'insert', useStatistics: true });
const text = value => value === null || value === undefined ? null
  : value instanceof Date ? value.toISOString()
  : Array.isArray(value) ? value.map(text)
  : Number.isFinite(value) || typeof value === 'boolean' ? value
  : String(value);

const rows = scan().sort(pl.col('key')).withColumn(pl.col('amount').cast(pl.Utf8)).collectSync();
for (const row of rows.toRecords()) console.log(JSON.stringify(['key', 'flag', 'amount', 'at', 'part', 'tags', 'more', '_day'].map(name => text(row[name]))));
const day = new Date('2026-03-02T00:00:00Z');
for (const [name, filter] of [['flag', pl.col('flag').eq(pl.lit(true))], ['part', pl.col('part').gt(pl.lit(1e300))], ['more', pl.col('more').isNotNull()], ['_day', pl.col('_day').eq(pl.lit(day).cast(pl.Date))]])
  console.log(`${name} ${scan().filter(filter).collectSync().height}`);
