using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Pipeline.Testing;

namespace Pipeline.Faults.Tests.Night;

/// <summary>What a node's lines say of outages: each is told once for as long as it lasts, and then its end.</summary>
internal sealed partial class NightAccount
{
    /// <summary>How it is told that something is away, halted or stopped, and how that has ended.</summary>
    private static readonly ImmutableArray<(string Begun, string Ended)> Forms =
    [
        (" has been away for ", " is back after "),
        (" has been full or read-only for ", " is back after "),
        (" has been away for ", ": nobody here waits for it any more"),
        (" has been full or read-only for ", ": nobody here waits for it any more"),
        (" is halted: ", " is halted no more. "),
        (", and the table waits until that is mended: ", " goes on: "),
        (", and is tried again: ", " goes on: "),
        (": what is new at the source is not found any more", ": what is new at the source is found again"),
        (" cannot be read for what it has to bring", " can be read again for what it has to bring"),
        (" cannot be written into the lake: ", " can be written into the lake again"),
    ];

    private readonly Dictionary<(string Begun, string Thing), (string Line, int Outage)> _open = [];
    private readonly List<string> _troubles = [];
    private int _outage;

    /// <summary>What was said to be so, and not to have ended.</summary>
    public IReadOnlyCollection<string> Open => [.. _open.Values.Select(told => told.Line)];

    /// <summary>Lines that should not be.</summary>
    public IReadOnlyList<string> Troubles => _troubles;

    /// <summary>Another outage begins. What has not got over the one before yet may be told again, with the reason of now.</summary>
    public void BeginOutage() => _outage++;

    public void Read(string line)
    {
        if (PipelineProcess.Unsayable.Any(words => line.Contains(words, StringComparison.Ordinal))) _troubles.Add($"nobody should be told so: {line}");
        if (line.StartsWith("   at ", StringComparison.Ordinal)) _troubles.Add($"a stack: {line}");
        if (Line().Match(line) is not { Success: true } told) return;
        var text = told.Groups["text"].Value;
        foreach (var begun in Forms.Select(form => form.Begun).Distinct(StringComparer.Ordinal))
        {
            if (ThingOf(text, begun) is not { } thing) continue;
            _open.TryGetValue((begun, thing), out var before);
            // What is away is said again every minute.
            if (before.Line is null || before.Outage < _outage) _open[(begun, thing)] = (line, _outage);
            else if (!Minutes().IsMatch(text)) _troubles.Add($"told again: {line} after: {before.Line}");
            return;
        }

        var ended = Forms.Where(form => ThingOf(text, form.Ended) is not null).ToList();
        // What is tried again may have come to wait meanwhile: both have one end.
        if (ended.Count > 0 && ended.Count(form => _open.Remove((form.Begun, ThingOf(text, form.Ended)!))) == 0) _troubles.Add($"the end of what was not told: {line}");
    }

    /// <summary>What stands before these words, without the number of a run; null: the line is another.</summary>
    private static string? ThingOf(string text, string words) =>
        text.IndexOf(words, StringComparison.Ordinal) is var at and > 0 ? Run().Replace(text[..at], "") : null;

    [GeneratedRegex("^[0-9-]{10} [0-9:]{8}Z (WRN|ERR|INF) (?<text>.+)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Line();

    [GeneratedRegex(": run [0-9]+ failed$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Run();

    [GeneratedRegex(" for ([0-9]+ h )?[0-9]+ min", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Minutes();
}
