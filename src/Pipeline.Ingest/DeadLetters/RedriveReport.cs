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

/// <summary>Letters of one epoch that had the same outcome and were dead for the same reason.</summary>
/// <param name="Code">The letters' code.</param>
/// <param name="FirstSplit">Of the first of them.</param>
/// <param name="FirstPosition">Of the first of them.</param>
/// <param name="Rejection">Why the first of them still cannot be decoded.</param>
/// <param name="Epoch">Of the table, in which they were read.</param>
public sealed record RedriveLine(RedriveOutcome Outcome, string Code, long Letters, SplitId FirstSplit, long FirstPosition, RecordRejected? Rejection, int Epoch = 0);

/// <summary>Counts what a redrive did: a line an outcome, code and epoch, whatever the number of letters.</summary>
public sealed class RedriveReport
{
    private readonly SortedDictionary<(RedriveOutcome Outcome, string Code, int Epoch), RedriveLine> _lines = new(Comparer<(RedriveOutcome Outcome, string Code, int Epoch)>.Create((a, b) =>
        a.Outcome != b.Outcome ? a.Outcome.CompareTo(b.Outcome) : a.Code != b.Code ? string.CompareOrdinal(a.Code, b.Code) : a.Epoch.CompareTo(b.Epoch)));

    public IReadOnlyCollection<RedriveLine> Lines => _lines.Values;

    public long Letters(RedriveOutcome outcome) => _lines.Values.Where(line => line.Outcome == outcome).Sum(line => line.Letters);

    internal void Add(IEnumerable<LetterOutcome> outcomes)
    {
        foreach (var (letter, outcome, rejection) in outcomes)
            _lines[(outcome, letter.Code, letter.Epoch)] = _lines.TryGetValue((outcome, letter.Code, letter.Epoch), out var line)
                ? line with { Letters = line.Letters + 1 }
                : new RedriveLine(outcome, letter.Code, 1, letter.Split, letter.Position, rejection, letter.Epoch);
    }
}

/// <summary>What a redrive did with one letter.</summary>
internal readonly record struct LetterOutcome(DeadLetter Letter, RedriveOutcome Outcome, RecordRejected? Rejection = null);
