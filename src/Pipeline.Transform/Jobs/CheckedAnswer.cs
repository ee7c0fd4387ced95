using System.Collections.Immutable;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Transform.Jobs;

/// <summary>An answer whose files are as it says; see <see cref="AnswerCheck"/>.</summary>
internal sealed record CheckedAnswer(string Run, JobAnswer Answer, IReadOnlyDictionary<string, CheckedOutput> Outputs)
{
    /// <summary>What the engine's service says of the execution, for the commit's metrics.</summary>
    public ImmutableDictionary<string, string> Metrics { get; init; } = ImmutableDictionary<string, string>.Empty;

    public CheckedOutput Output(TableId table) => Outputs[table.ToString()];

    /// <summary>A number of a result of one row.</summary>
    public long Long(string figures, int column = 0) => Number(Rows(figures) is [var row] ? row : [], figures, column);

    /// <summary>The rows of a result; those of a name and a number.</summary>
    public ImmutableSortedDictionary<string, long> Counts(string figures) =>
        Rows(figures).ToImmutableSortedDictionary(row => row is [{ } name, ..] ? name : throw Wrong($"its figures {figures} lack a name"), row => Number(row, figures, 1), StringComparer.Ordinal);

    public ImmutableArray<ImmutableArray<string?>> Rows(string figures) =>
        Answer.Figures.TryGetValue(figures, out var rows) ? rows : throw Wrong($"it has no figures {figures}");

    /// <summary>An answer that is not what has happened.</summary>
    public PipelineException Wrong(string cause) => Wrong(Run, cause);

    public static PipelineException Wrong(string run, string cause, Exception? inner = null) =>
        new(FaultKind.Damaged, $"Answer of {run}", $"{cause}; nothing of it was committed", "Look for what wrote it: the run is tried again, in a directory of its own.", inner);

    private long Number(ImmutableArray<string?> row, string figures, int column) =>
        column < row.Length && long.TryParse(row[column], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Wrong($"its figures {figures} have no number in column {column}");
}

/// <summary>An output's files, ready to be committed.</summary>
/// <param name="Rows">Of the new files.</param>
/// <param name="Marks">Rows of the table that are replaced.</param>
/// <param name="Rewritten">Files of the table whose other rows are in the new ones.</param>
internal sealed record CheckedOutput(IReadOnlyList<AddFile> Adds, long Rows, long Marks, ImmutableArray<string> Rewritten)
{
    public static RemoveFile Remove(AddFile file, DateTimeOffset now) => new(file.Path, now, DataChange: true, file.PartitionValues, file.Size);
}
