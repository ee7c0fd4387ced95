using Pipeline.Operations.Control;

namespace Pipeline.Node.Http.Api.Documents;

/// <param name="Node">Its host name and port, as <c>POST /v1/plans</c> takes it for <c>log-level</c>.</param>
/// <param name="Items">The line about all that no other is about first.</param>
internal sealed record LogLevelDocument(int SchemaVersion, string Node, IReadOnlyList<LogLevelItem> Items);

/// <param name="Logger">A namespace or a class of the program, or the path of an actor; null: all that no other line is about.</param>
/// <param name="Level"><c>debug</c>, <c>information</c>, <c>warning</c>, <c>error</c>: the least that is told.</param>
/// <param name="Configured">What it is without an operator's word.</param>
/// <param name="Until">When it goes back; null: it does not by itself.</param>
internal sealed record LogLevelItem(string? Logger, string Level, string Configured, DateTimeOffset? Until)
{
    public static LogLevelItem Of(LogLevelLine line) => new(line.Logger, ApiCodes.Of(line.Level), ApiCodes.Of(line.Configured), line.Until);
}
