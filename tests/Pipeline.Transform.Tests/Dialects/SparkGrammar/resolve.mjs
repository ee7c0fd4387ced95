// The parser's modules name each other without their endings, as bundlers take them; node does not.
export async function resolve(specifier, context, next) {
  let failure;
  for (const ending of ['', '.js', '/index.js']) {
    try {
      return await next(specifier + ending, context);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
