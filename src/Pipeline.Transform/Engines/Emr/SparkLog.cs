using System.Text.RegularExpressions;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>
/// Finds the exception that ended a job in what it printed. What is believed, in this order: the program's own line; what the driver's Python says last,
/// the JVM's exception in it and what a task threw in that; an exception that ended a thread of the JVM; one that it logged; the
/// last line that it logged as an error.
/// </summary>
internal static partial class SparkLog
{
    private const int LineMax = 4000;

    private const string Program = "medallion_job";
    private const string Traceback = "Traceback (most recent call last):";

    /// <summary>Packages of the JVM's languages: an exception of theirs is none of Python's.</summary>
    private static readonly HashSet<string> OfTheJvm = new(["java", "javax", "jdk", "sun", "org", "com", "scala", "software", "net", "io", "shaded"], StringComparer.Ordinal);

    public static string[] Lines(string text) => [.. text.ReplaceLineEndings("\n").Split('\n').Select(line => line.Length > LineMax ? line[..LineMax] : line)];

    /// <summary>Null: nothing of it says what went wrong.</summary>
    public static Thrown? Find(string[] stdout, string[] stderr)
    {
        string[] all = [.. stderr, .. stdout];
        if (OfTheProgram(all) is { } said) return said;
        // Streams may have been put into one file, and in either order.
        var found = OfSpark(stdout) ?? OfSpark(stderr);
        if (found is not null)
        {
            var hidden = Hidden(found, all);
            return found.IsWrapper && hidden is { IsWrapper: false } ? hidden.With(found) : Whole(found, all).With(found.Other ?? hidden);
        }

        if (OfPython(stdout) is { } python && !IsOfALostJvm(python)) return python;
        return OfAThread(stderr) ?? OfAThread(stdout) ?? OfMemory(all) ?? OfTheLog(all) ?? OfPython(stderr) ?? Last(all, "Caused by: ") ?? OfPython(stdout) ?? OfAnErrorLine(all);
    }

    /// <summary>The program's own words, where it could say them and could not, or would not, put them into an answer.</summary>
    private static Thrown? OfTheProgram(string[] lines) =>
        lines.Select(line => Said().Match(line)).LastOrDefault(match => match.Success) is { } said ? new Thrown(Program, said.Groups["said"].Value) : null;

    /// <summary>What Spark has thrown into the driver's Python, the last time.</summary>
    private static Thrown? OfSpark(string[] lines)
    {
        for (var at = lines.Length - 1; at >= 0; at--)
        {
            if (Captured().Match(lines[at]) is { Success: true } captured) return OfCaptured(captured, lines, at);
            if (lines[at].StartsWith("py4j.protocol.Py4JJavaError", StringComparison.Ordinal) && OfTheJvmBelow(lines, at) is { } java) return java;
        }

        return null;
    }

    private static Thrown OfCaptured(Match captured, string[] lines, int at)
    {
        var message = captured.Groups["message"].Value.Trim();
        // Of a function in Python the worker's own traceback is the message.
        if (captured.Groups["type"].Value.EndsWith(".PythonException", StringComparison.Ordinal) && lines.Skip(at + 1).Select(Thrown.TryParse).LastOrDefault(thrown => thrown is not null) is { } inside)
            return new Thrown(captured.Groups["type"].Value, $"{inside}");
        if (message.Length == 0) message = lines.Skip(at + 1).FirstOrDefault(line => line.Trim().Length > 0)?.Trim() ?? "";
        return Deepest(new Thrown(captured.Groups["type"].Value, message), lines, at);
    }

    private static Thrown? OfTheJvmBelow(string[] lines, int at)
    {
        var head = Array.FindIndex(lines, at + 1, line => line.StartsWith(": ", StringComparison.Ordinal));
        return head >= 0 && Thrown.TryParse(lines[head][2..]) is { } thrown ? Deepest(thrown with { Message = Continued(thrown.Message, lines, head) }, lines, head) : null;
    }

    /// <summary>The exception of a chain that says what went wrong.</summary>
    private static Thrown Deepest(Thrown head, string[] lines, int at)
    {
        var causes = lines.Skip(at + 1).TakeWhile(line => !line.StartsWith(Traceback, StringComparison.Ordinal)).Where(line => line.TrimStart().StartsWith("Caused by: ", StringComparison.Ordinal))
            .Select(line => Thrown.TryParse(line.TrimStart()["Caused by: ".Length..])).OfType<Thrown>().ToList();
        var cause = causes.FindLast(thrown => thrown.Message.Length > 0);
        var outer = InATask(head, lines, at) ?? (head.IsOfAStage ? null : head);
        if (outer is null) return head.With(cause);
        if (!outer.IsWrapper || cause is null) return outer.With(cause);
        return cause.With(outer);
    }

    /// <summary>What a task threw, as the driver tells it; null: what it tells is no exception.</summary>
    private static Thrown? InATask(Thrown head, string[] lines, int at) =>
        head.IsOfAStage && LostTask().Match(head.Message) is { Success: true } lost && Thrown.TryParse(lost.Groups["thrown"].Value) is { } thrown && thrown.Type.Contains('.', StringComparison.Ordinal)
            ? thrown with { Message = thrown.Message.Length > 0 || at + 1 >= lines.Length || IsFrame(lines[at + 1]) ? thrown.Message : lines[at + 1].Trim() } : null;

    /// <summary>A message whose first line only announces the next.</summary>
    private static string Continued(string message, string[] lines, int at) =>
        message.EndsWith("reason:", StringComparison.Ordinal) && at + 1 < lines.Length && !IsFrame(lines[at + 1]) ? $"{message} {lines[at + 1].Trim()}" : message;

    /// <summary>
    /// The same exception where it is told at greater length: the middle of the text may have been left out, and what was being done when
    /// it was met is told apart.
    /// </summary>
    private static Thrown Whole(Thrown found, string[] all)
    {
        if (found.Message.Length == 0) return found;
        var same = all.Select(Told).OfType<Thrown>().Where(other => other.Type == found.Type && other.Message.StartsWith(found.Message, StringComparison.Ordinal));
        return found with { Message = same.Select(other => other.Message).Append(found.Message).MaxBy(message => message.Length)! };
    }

    /// <summary>What only the JVM's log says: behind a wrapper what was logged first, behind a lost result that memory had run out.</summary>
    private static Thrown? Hidden(Thrown found, string[] all) =>
        found.IsWrapper ? OfTheLog(all)
        : LostResult().IsMatch(found.Message) ? OfMemory(all)
        : null;

    private static Thrown? OfPython(string[] lines)
    {
        if (!Array.Exists(lines, line => line.StartsWith(Traceback, StringComparison.Ordinal))) return null;
        return lines.Select(Thrown.TryParse).LastOrDefault(thrown => thrown is not null && !OfTheJvm.Contains(thrown.Type.Split('.')[0]));
    }

    /// <summary>What is told by the other side, which is gone, or whose words were cut off.</summary>
    private static bool IsOfALostJvm(Thrown python) =>
        python.Type.StartsWith("py4j.protocol.", StringComparison.Ordinal) || python.Type is "ConnectionRefusedError" or "ConnectionResetError" or "BrokenPipeError" or "EOFError";

    private static Thrown? OfAThread(string[] lines)
    {
        for (var at = lines.Length - 1; at >= 0; at--)
            if (Thread().Match(lines[at]) is { Success: true } thread && Thrown.TryParse(thread.Groups["thrown"].Value) is { } thrown) return Deepest(thrown, lines, at);
        return null;
    }

    private static Thrown? OfMemory(string[] lines) =>
        lines.Select(Told).LastOrDefault(thrown => thrown is not null && thrown.Type.EndsWith("OutOfMemoryError", StringComparison.Ordinal));

    /// <summary>The first exception below a line of an error that says more than that something went wrong.</summary>
    private static Thrown? OfTheLog(string[] lines)
    {
        Thrown? wrapper = null;
        for (var at = 0; at + 1 < lines.Length; at++)
        {
            if (!Error().IsMatch(lines[at]) || (Thrown.TryParse(lines[at + 1]) ?? Thrown.TryFind(lines[at])) is not { } thrown) continue;
            var deepest = Deepest(thrown, lines, at + 1);
            if (!deepest.IsWrapper) return deepest;
            wrapper ??= deepest;
        }

        return wrapper;
    }

    private static Thrown? OfAnErrorLine(string[] lines) =>
        lines.LastOrDefault(line => Killed().IsMatch(line)) is { } killed ? new Thrown("ExecutorLostFailure", Killed().Match(killed).Value)
        : lines.Select(line => Error().Match(line)).LastOrDefault(match => match.Success) is { } error ? new Thrown(error.Groups["logger"].Value, error.Groups["message"].Value)
        : null;

    private static Thrown? Last(string[] lines, string prefix) =>
        lines.Where(line => line.StartsWith(prefix, StringComparison.Ordinal)).Select(line => Thrown.TryParse(line[prefix.Length..])).LastOrDefault(thrown => thrown is { Message.Length: > 0 });

    /// <summary>An exception anywhere in a line: alone, as a cause, of a task.</summary>
    private static Thrown? Told(string line) =>
        Thrown.TryParse(line.StartsWith("Caused by: ", StringComparison.Ordinal) ? line["Caused by: ".Length..] : line)
        ?? (LostTask().Match(line) is { Success: true } lost ? Thrown.TryParse(lost.Groups["thrown"].Value) : null);

    private static bool IsFrame(string line) => line.TrimStart().StartsWith("at ", StringComparison.Ordinal) || line.StartsWith('…') || line.Trim().Length == 0;

    [GeneratedRegex($@"^{Program}(?:\.py: error)?: (?<said>.+)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Said();

    [GeneratedRegex(@"^(?<type>pyspark(?:\.\w+)+): ?(?<message>.*)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Captured();

    [GeneratedRegex(@"(?:Lost task \S+ in stage \S+ \(TID [0-9]+\) ?\([^()]*\)|Task serialization failed): (?<thrown>.*)$", RegexOptions.ExplicitCapture)]
    private static partial Regex LostTask();

    [GeneratedRegex(@"^Exception in thread ""[^""]*"" (?<thrown>.*)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Thread();

    [GeneratedRegex(@"^[0-9][0-9/:.,T+ Z-]* (?:ERROR|FATAL) (?:\[[^\]]*\] )?(?<logger>[\w.$]+): (?<message>.*)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Error();

    [GeneratedRegex(@"TaskResultLost|result lost from block manager|unread block data|ExecutorLostFailure|Exception thrown in awaitResult")]
    private static partial Regex LostResult();

    [GeneratedRegex(@"(?:Container killed by YARN|Container (?:from a bad node|marked as failed)|ExecutorLostFailure \().*$", RegexOptions.ExplicitCapture)]
    private static partial Regex Killed();
}
