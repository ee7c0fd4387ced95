using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Control;

/// <summary>What a part of a log tells.</summary>
/// <param name="Logger">Null: all of the program and of Akka that no other line is about.</param>
/// <param name="Level">The least that is told of it.</param>
/// <param name="Configured">What it is without an operator's word.</param>
/// <param name="Until">When it goes back; null: it does not by itself.</param>
public sealed record LogLevelLine(string? Logger, LogDetail Level, LogDetail Configured, DateTimeOffset? Until)
{
    /// <summary>For people.</summary>
    public override string ToString() => FormattableString.Invariant($"{ControlWords.Of(Level)}{(Logger is null ? "" : $" of {Logger}")}{(Until is { } until ? $" until {until.InWords()}" : "")}{(Level == Configured ? "" : $", instead of {ControlWords.Of(Configured)}")}");
}

/// <summary>How much a node's log tells, while the node runs. Thread-safe.</summary>
public interface ILogLevels
{
    /// <summary>As it is now, the line about all first.</summary>
    ImmutableArray<LogLevelLine> Now { get; }

    /// <summary>Has it tell more or less, for as long as is said.</summary>
    void Take(LogOrder order);
}
