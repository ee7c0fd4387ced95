// decode.cjs MODULES FILE: reads an ExportMetricsServiceRequest as OpenTelemetry defines it, and says what is in it.
const [modules, file] = process.argv.slice(2);
const definition = require(`${modules}/@opentelemetry/otlp-transformer/build/src/generated/root`);
const request = definition.opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest;

const body = require('fs').readFileSync(file);
const decoded = request.decode(body);
// A field that is not of the definition would be missing when it is written again.
const again = Buffer.from(request.encode(decoded).finish());
console.log(JSON.stringify({
  isWhole: again.equals(body),
  wrong: request.verify(decoded),
  request: request.toObject(decoded, { longs: String, enums: String }),
}));
