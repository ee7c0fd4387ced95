// Parses statements as Spark's SQL: node parse.mjs NODE_MODULES FILE, a JSON array of { name, sql }. Prints what is wrong; exits with
// 1 if anything is.
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, file] = process.argv.slice(2);
register('./resolve.mjs', import.meta.url);
const { SparkSQL } = await import(pathToFileURL(join(modules, 'dt-sql-parser/dist/index.js')).href);

const statements = JSON.parse(readFileSync(file, 'utf8'));
const parser = new SparkSQL();
let wrong = 0;
for (const { name, sql } of statements) {
  const errors = parser.validate(sql);
  if (errors.length === 0) continue;
  wrong++;
  console.log(`wrong ${name}: line ${errors[0].startLine}, column ${errors[0].startColumn}: ${errors[0].message}`);
}
console.log(`${statements.length} statements, ${wrong} wrong`);
process.exit(wrong === 0 ? 0 : 1);
