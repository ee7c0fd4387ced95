using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Control;

/// <summary>How much the log of a running node is to tell, as it goes with <see cref="ControlVerb.LogLevel"/>: <c>debug Pipeline.Ingest 10m</c>.</summary>
/// <param name="Level">Null: what the configuration says.</param>
/// <param name="Logger">Of what: a namespace or a class of the program, <c>Pipeline.Ingest</c>; <c>Akka</c>, which is all actors; an actor and those below it, <c>/user/membership</c>. Null: of all of these that nobody has said something else of.</param>
/// <param name="For">After which it goes back to what it was; null: until somebody says something else, or the node starts again.</param>
public sealed record LogOrder(LogDetail? Level, string? Logger, TimeSpan? For)
{
    /// <summary>Instead of a level: what the configuration says.</summary>
    public const string Configured = "configured";

    /// <summary>Longer is no look at something, but a setting.</summary>
    public static readonly TimeSpan ForMax = TimeSpan.FromDays(7);

    /// <summary>Whose words people may want more of; what libraries tell in detail may hold what nobody has looked at.</summary>
    private static readonly string[] Roots = ["Pipeline", "Akka"];

    /// <summary>What is between its parts.</summary>
    private const char Space = ' ';

    /// <summary>Whether an order may be about it, and one without a logger is: a namespace or a class of the program or of Akka.</summary>
    public static bool IsOurs(string logger) => Roots.Contains(logger.Split('.')[0]);

    /// <exception cref="PipelineException">It says no level, names no logger, or a duration that cannot be.</exception>
    public static LogOrder Parse(string? text)
    {
        var parts = (text ?? "").Split(Space, StringSplitOptions.RemoveEmptyEntries);
        if (parts is not [var level, ..] || (level != Configured && ControlWords.TryRead<LogDetail>(level) is null))
            throw Wrong($"'{text}' begins with no level", $"Write one of {string.Join(", ", Enum.GetValues<LogDetail>().Select(ControlWords.Of))}, or {Configured}.");
        string? logger = null;
        TimeSpan? lasts = null;
        foreach (var part in parts.Skip(1))
        {
            if (lasts is null && ConfigUnits.TryDuration(part, out var duration)) lasts = duration > TimeSpan.Zero && duration <= ForMax ? duration : throw Wrong($"'{part}' is no time that it may last", $"Write 1ms to {ForMax.Days}d.");
            else if (logger is null && lasts is null && (IsOurs(part) || part.StartsWith("/user/", StringComparison.Ordinal) || part.StartsWith("/system/", StringComparison.Ordinal))) logger = part;
            else throw Wrong($"'{part}' is no logger and no time", $"Write a namespace or a class that begins with {string.Join(" or ", Roots)}, or the path of an actor (/user/...), and behind it how long: 10m.");
        }

        return new LogOrder(level == Configured ? null : ControlWords.TryRead<LogDetail>(level), logger, lasts);
    }

    public override string ToString() => string.Join(Space, new[] { Level is { } level ? ControlWords.Of(level) : Configured, Logger, For is { } lasts ? $"{(long)lasts.TotalMilliseconds}ms" : null }.OfType<string>());

    private static PipelineException Wrong(string cause, string nextStep) => new(FaultKind.Invalid, "How much a log is to tell", cause, nextStep);
}
