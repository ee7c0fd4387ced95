using System.Globalization;
using System.Text.RegularExpressions;
using Pipeline.Core;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>
/// Why a job has failed, out of what it left: the first line of the error is the exception and its message, and lines with what the
/// service says, the end of the log and where it lies follow. Secrets are left out of all of it.
/// </summary>
public static partial class SparkFailure
{
    private const int TailLines = 20;
    private const int TailLineMax = 300;
    private const int ReasonMax = 2000;

    /// <param name="thing">What has failed, for example <c>Run silver/users#12</c>.</param>
    public static PipelineException Of(string thing, SparkRemains remains)
    {
        var (stdout, stderr) = (SparkLog.Lines(remains.Stdout), SparkLog.Lines(remains.Stderr));
        var reason = OneLine(remains.Reason);
        var exitCode = remains.ExitCode ?? ExitCodeOf(remains.Reason) ?? ExitCodeOf(remains.Stderr);
        var found = SparkLog.Find(stdout, stderr) ?? SparkLog.Find([], SparkLog.Lines(ExceptionsOf(remains.Reason)));
        var advice = found is not null ? SparkAdvice.Of(found, exitCode) : SparkAdvice.WithoutAWord(exitCode, reason);
        var lines = new List<string> { found?.ToString() ?? advice.Told! };
        if (reason.Length > 0 || (exitCode is not null && found is not null))
            lines.Add($"The service says: {(reason.Length > 0 ? reason.TrimEnd('.') : "nothing")}{(exitCode is { } code ? string.Create(CultureInfo.InvariantCulture, $" (exit code {code})") : "")}");
        var tail = Tail(stderr);
        if (tail.Count > 0) lines.AddRange(["The end of its standard error:", .. tail]);
        if (remains.LogPlace is { Length: > 0 } place) lines.Add($"Its log is at {place}");
        // What follows is a sentence; a single line of it stays one.
        var cause = Secrets.LeaveOut(string.Join('\n', lines)).TrimEnd('.');
        return new PipelineException(advice.Kind, thing, cause, advice.NextStep);
    }

    private static List<string> Tail(string[] lines) =>
        [.. lines.Where(line => line.Trim().Length > 0).TakeLast(TailLines).Select(line => $"  {(line.Length > TailLineMax ? $"{line[..TailLineMax]}…" : line)}")];

    private static string OneLine(string? text)
    {
        var line = string.Join(' ', (text ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return line.Length > ReasonMax ? $"{line[..ReasonMax]}…" : line;
    }

    /// <summary>Serverless puts the last exceptions of a log into its words, one behind the other.</summary>
    private static string ExceptionsOf(string? reason) => Exceptions().Replace(reason ?? "", "\n");

    private static int? ExitCodeOf(string? text) =>
        text is not null && ExitCode().Matches(text) is { Count: > 0 } codes ? int.Parse(codes[^1].Groups["code"].ValueSpan, CultureInfo.InvariantCulture) : null;

    [GeneratedRegex(@"\s+(?=Caused by: |Exception in thread |Traceback \(most)|(?<=Last few exceptions:)\s+|\.\.\.\s*")]
    private static partial Regex Exceptions();

    [GeneratedRegex(@"\b(?:exit ?code:?|ended with exit code|exited with (?:a )?(?:non-zero )?(?:exit )?(?:code|status)|exiting with ret|exit status:?)\s*'?(?<code>[0-9]{1,3})\b", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex ExitCode();
}
