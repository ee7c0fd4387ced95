using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Tests.Inspection;

/// <summary>How queries ask of which epoch a row is, by the columns that its table has.</summary>
public sealed class RowEpochSqlSpec
{
    private static readonly Field Position = new Field("_position", Int64Type.Default, nullable: false).As(BronzeRole.Position);

    [Fact]
    public void A_row_of_Bronze_is_of_the_epoch_that_it_was_read_in()
    {
        Assert.Equal("0", RowEpochSql.ReadOf(Of(Position)));
        Assert.Equal("coalesce(_epoch, 0)", RowEpochSql.ReadOf(Of(Position, BronzeColumns.EpochField)));
        Assert.Equal("coalesce(_reading, 0)", RowEpochSql.ReadOf(Of(Position, BronzeColumns.ReadingField)));
        Assert.Equal("coalesce(_reading, _epoch, 0)", RowEpochSql.ReadOf(Of(Position, BronzeColumns.EpochField, BronzeColumns.ReadingField)));
        // A source's own, from before nobody else could have one of the name.
        Assert.Equal("coalesce(_epoch, 0)", RowEpochSql.ReadOf(Of(Position, BronzeColumns.EpochField, new Field("_reading", StringType.Default, nullable: true))));
    }

    [Fact]
    public void A_row_of_Silver_is_of_the_order_that_it_stands_in()
    {
        Assert.Equal("0", RowEpochSql.OrderOf(Of(new Field("_reading", Int32Type.Default, nullable: true))));
        Assert.Equal("coalesce(_epoch, 0)", RowEpochSql.OrderOf(Of(new Field("_epoch", Int32Type.Default, nullable: true), new Field("_reading", Int32Type.Default, nullable: true))));
    }

    private static Schema Of(params Field[] fields) => new(fields, null);
}
