using Pipeline.Core;

namespace Pipeline.Ingest.DeadLetters;

/// <summary>What a redrive did with a dead letter.</summary>
public enum RedriveOutcome
{
    /// <summary>Its record is a row of the Bronze table now.</summary>
    Redriven,

    /// <summary>Its record was one before.</summary>
    InTable,

    /// <summary>The table has not been read up to its position yet; once it has, the letter can be re-driven.</summary>
    NotReached,

    /// <summary>It still cannot be decoded.</summary>
    Undecodable,
}

/// <summary>Letters that had the same outcome and were dead for the same reason.</summary>
/// <param name="Code">The letters' code.</param>
/// <param name="FirstSplit">Of the first of them.</param>
/// <param name="FirstPosition">Of the first of them.</param>
/// <param name="Rejection">Why the first of them still cannot be decoded.</param>
public sealed record RedriveLine(RedriveOutcome Outcome, string Code, long Letters, SplitId FirstSplit, long FirstPosition, RecordRejected? Rejection);

/// <summary>Counts what a redrive did: a line an outcome and code, whatever the number of letters.</summary>
public sealed class RedriveReport
{
    private readonly SortedDictionary<(RedriveOutcome Outcome, string Code), RedriveLine> _lines =
        new(Comparer<(RedriveOutcome Outcome, string Code)>.Create((a, b) => a.Outcome != b.Outcome ? a.Outcome.CompareTo(b.Outcome) : string.CompareOrdinal(a.Code, b.Code)));

    public IReadOnlyCollection<RedriveLine> Lines => _lines.Values;

    public long Letters(RedriveOutcome outcome) => _lines.Values.Where(line => line.Outcome == outcome).Sum(line => line.Letters);

    internal void Add(IEnumerable<LetterOutcome> outcomes)
    {
        foreach (var (letter, outcome, rejection) in outcomes)
            _lines[(outcome, letter.Code)] = _lines.TryGetValue((outcome, letter.Code), out var line)
                ? line with { Letters = line.Letters + 1 }
                : new RedriveLine(outcome, letter.Code, 1, letter.Split, letter.Position, rejection);
    }
}

/// <summary>What a redrive did with one letter.</summary>
internal readonly record struct LetterOutcome(DeadLetter Letter, RedriveOutcome Outcome, RecordRejected? Rejection = null);
