using System.Text.RegularExpressions;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>An exception as a log shows it.</summary>
/// <param name="Type">As it is written there, of the JVM with its package.</param>
/// <param name="Message">The first line that says something; empty: it has none.</param>
/// <param name="Other">Another one of the same chain that says more: what caused it, or what it happened in.</param>
internal sealed partial record Thrown(string Type, string Message, Thrown? Other = null)
{
    private const int MessageMax = 1000;

    /// <summary>Says only that something else went wrong.</summary>
    public bool IsWrapper => Wrapper().IsMatch($"{Type}: {Message}");

    public bool IsOfAStage => Message.StartsWith("Job aborted due to stage failure", StringComparison.Ordinal);

    private string OneMessage => (Message.Length > MessageMax ? $"{Message[..MessageMax]}…" : Message).TrimEnd(' ', '.', ';', ':');

    private string Alone => Message.Length == 0 ? $"{Type} (without a message)" : $"{Type}: {OneMessage}";

    public override string ToString() => Other is null ? Alone : $"{Alone} ({Other.Alone})";

    /// <summary>Type and message, as stand at the beginning of a line of either language.</summary>
    public static Thrown? TryParse(string line) =>
        Line().Match(line) is { Success: true } found ? new Thrown(found.Groups["type"].Value, found.Groups["message"].Value.Trim()) : null;

    /// <summary>One that stands behind other words.</summary>
    public static Thrown? TryFind(string line) => Inside().Match(line) is { Success: true } found ? TryParse(found.Groups["thrown"].Value) : null;

    /// <summary>With another one of its chain, unless that repeats what is said already.</summary>
    public Thrown With(Thrown? other) => other is null || other.Message.Length == 0 || Message.Contains(other.OneMessage, StringComparison.Ordinal) ? this : this with { Other = other with { Other = null } };

    /// <summary>Carets under a line of Python end where the exception begins, when its log was cut.</summary>
    [GeneratedRegex(@"^[\s~^]*(?<type>[A-Za-z_$][\w$]*(?:\.[\w$]+)*(?:Exception|Error|Interrupt|Exit|Failure|Iteration|Fault|Throwable)\w*)(?::\s?(?<message>.*))?$", RegexOptions.ExplicitCapture)]
    private static partial Regex Line();

    [GeneratedRegex(@": (?<thrown>[a-z][\w$]*(?:\.[\w$]+)+(?:Exception|Error)(?:: .*)?)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Inside();

    [GeneratedRegex(@"InvocationTargetException|UndeclaredThrowableException|ExecutionException|UncheckedIOException|Exception thrown in awaitResult|TASK_WRITE_FAILED|Task failed while writing rows"
        + @"|Writing job aborted|: Job aborted\.?$|FAILED_READ_FILE|Encountered error while reading file|FAILED_EXECUTE_UDF|Failed to execute user defined function|finished with failed status"
        + @"|User class threw exception|INTERNAL_ERROR\]|Multiple failures in stage materialization|Py4JException", RegexOptions.ExplicitCapture)]
    private static partial Regex Wrapper();
}
