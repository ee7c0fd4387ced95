using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Ingest.Tests;

/// <summary>Which columns of a table say of which reading its rows are.</summary>
public sealed class RowEpochsSpec
{
    private static readonly Field Position = new Field("_position", Int64Type.Default, nullable: false).As(BronzeRole.Position);

    [Fact]
    public void Columns_say_it_that_ingest_has_given_the_table_and_none_that_a_source_once_had()
    {
        var ours = new Schema([Position, BronzeColumns.EpochField, BronzeColumns.ReadingField], null);
        var another = new Schema([Position, new Field("_reading", StringType.Default, nullable: true)], null);

        Assert.Equal(["_epoch", "_reading"], RowEpochs.ColumnsOf(ours));
        Assert.Empty(RowEpochs.ColumnsOf(another));
    }

    [Fact]
    public void A_row_without_them_is_of_the_first_epoch()
    {
        using var orders = new Int32Array.Builder().Append(2).AppendNull().Append(2).Build();
        using var readings = new Int32Array.Builder().AppendNull().Append(3).Append(3).Build();
        using var batch = new RecordBatch(new Schema([BronzeColumns.EpochField, BronzeColumns.ReadingField], null), [orders, readings], 3);
        using var plain = new RecordBatch(new Schema([BronzeColumns.ReadingField], null), [readings], 3);

        Assert.Equal([new RowEpoch(2), new RowEpoch(0, 3), new RowEpoch(2, 3)], Enumerable.Range(0, 3).Select(row => new RowEpochs(batch)[row]));
        Assert.Equal([new RowEpoch(0), new RowEpoch(0, 3)], Enumerable.Range(0, 2).Select(row => new RowEpochs(plain)[row]));
    }
}
