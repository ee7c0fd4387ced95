using Apache.Arrow;

namespace Pipeline.Core;

/// <summary>Why a record cannot be decoded.</summary>
/// <param name="Code">A short fixed word for programs.</param>
/// <param name="Reason">A sentence for people, without a closing full stop.</param>
public sealed record RecordRejected(string Code, string Reason);

/// <summary>What became of dead letters that were decoded again. Owns its rows.</summary>
/// <param name="rows">Those that could be decoded, in the table's schema and in the order of the letters; null when none.</param>
/// <param name="rejections">One a letter; null for a letter that is among the rows.</param>
/// <param name="memory">What the rows lie in.</param>
public sealed class DecodedLetters(RecordBatch? rows, IReadOnlyList<RecordRejected?> rejections, IDisposable? memory = null) : IDisposable
{
    public RecordBatch? Rows { get; } = rows;

    public IReadOnlyList<RecordRejected?> Rejections { get; } = rejections;

    public void Dispose()
    {
        Rows?.Dispose();
        memory?.Dispose();
    }
}

/// <summary>
/// A source that can decode a record from its dead letter, without reading the record again. Its columns say which of them tell a
/// record from every other at its position (<see cref="BronzeRole.Identifies"/>): integers, decimals, dates, timestamps or text.
/// </summary>
public interface IRedriveSource : ISource
{
    /// <summary>Decodes letters of one split of a table as the source is configured now.</summary>
    /// <exception cref="PipelineException">The table is not configured; something needed for decoding does not answer.</exception>
    ValueTask<DecodedLetters> DecodeAsync(string table, SplitId split, IReadOnlyList<DeadLetter> letters, CancellationToken cancellationToken);
}
