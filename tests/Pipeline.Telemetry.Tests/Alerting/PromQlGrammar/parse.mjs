// node parse.mjs MODULES QUERIES.json: prints "wrong INDEX" for each query of the array that is none of PromQL.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, file] = process.argv.slice(2);
const { parser } = await import(pathToFileURL(join(modules, '@prometheus-io/lezer-promql/dist/index.es.js')));
JSON.parse(readFileSync(file, 'utf8')).forEach((query, index) => {
  let isWrong = false;
  parser.parse(query).iterate({ enter: node => { isWrong ||= node.type.isError; } });
  if (isWrong) console.log(`wrong ${index}`);
});
console.log('parsed');
