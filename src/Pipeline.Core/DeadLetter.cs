namespace Pipeline.Core;

/// <summary>A record that could not be decoded, as the dead-letter table of its source keeps it.</summary>
/// <param name="Table">The table's name within the source.</param>
/// <param name="Code">A short fixed word for programs: <c>invalid_utf8</c>, <c>too_large</c>, <c>unknown_schema</c>, ...</param>
/// <param name="Reason">A sentence for people.</param>
/// <param name="Key">Raw bytes; null when the record has no key.</param>
/// <param name="Value">Raw bytes; null when the record has no value.</param>
/// <param name="Headers">As the table's column <c>_headers</c> would hold them; null when there are none.</param>
/// <param name="Timestamp">The record's own; null when it has none.</param>
public sealed record DeadLetter(string Table, SplitId Split, long Position, string Code, string Reason, byte[]? Key, byte[]? Value,
    string? Headers, DateTimeOffset? Timestamp)
{
    /// <summary>The epoch of its table in which it was read: its row is of that one.</summary>
    public int Epoch { get; init; }

    /// <summary>The earlier epoch in whose order its row is, see <see cref="SplitHistory.Order"/>; null: that one.</summary>
    public int? Order { get; init; }

    /// <summary>What its row says of both.</summary>
    public RowEpoch Rows => RowEpoch.Of(Epoch, Order);

    // An object, its strings and arrays.
    private const int OverheadBytes = 256;

    /// <summary>Bytes of memory, about: what byte-bounded buffers count.</summary>
    public long Bytes => OverheadBytes + (Key?.Length ?? 0) + (Value?.Length ?? 0) + 2L * (Reason.Length + (Headers?.Length ?? 0));
}
