using System.Text.RegularExpressions;

namespace Pipeline.Core;

/// <summary>That something on a server is used by one source of one pipeline, as it is written there for others to find.</summary>
public sealed partial record SourceClaim(string Source, PipelineId Pipeline)
{
    /// <summary>The text that is written.</summary>
    public string Text => $"source {Quoted(Source)} of pipeline {Quoted(Pipeline.Name)} with lake {Pipeline.LakeId}";

    /// <summary>The first one in a text; null: there is none.</summary>
    public static SourceClaim? In(string text) => Form().Match(text) is { Success: true } match
        ? new SourceClaim(Plain(match.Groups["source"]), new PipelineId(Plain(match.Groups["pipeline"]), match.Groups["lake"].Value))
        : null;

    public override string ToString() => $"source {Source} of {Pipeline}";

    private static string Quoted(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static string Plain(Group group) => group.Value.Replace("\"\"", "\"", StringComparison.Ordinal);

    [GeneratedRegex("""source "(?<source>([^"]|"")*)" of pipeline "(?<pipeline>([^"]|"")*)" with lake (?<lake>[^\s;]+)""", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Form();
}
