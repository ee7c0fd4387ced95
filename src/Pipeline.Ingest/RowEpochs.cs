using Apache.Arrow;
using Pipeline.Core;

namespace Pipeline.Ingest;

/// <summary>Of which reading the rows of a batch are: those of a Bronze table, or its dead letters.</summary>
/// <param name="batch">With those of <see cref="ColumnsOf"/>.</param>
internal readonly struct RowEpochs(RecordBatch batch)
{
    private readonly Int32Array? _orders = Find(batch, BronzeColumns.Epoch);
    private readonly Int32Array? _readings = Find(batch, BronzeColumns.Reading);

    public RowEpoch this[int row] => new(_orders?.GetValue(row) ?? 0, _readings?.GetValue(row));

    /// <summary>The columns of a table that say it; one of that name which a source once had is none.</summary>
    public static IEnumerable<string> ColumnsOf(Schema table) => BronzeShape.Of(table) is var shape ? new[] { shape.Epoch, shape.Reading }.OfType<string>() : [];

    private static Int32Array? Find(RecordBatch batch, string column) => batch.Schema.FieldsLookup.Contains(column) ? (Int32Array)batch.Column(column) : null;
}
