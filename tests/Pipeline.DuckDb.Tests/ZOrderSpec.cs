using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Tests;
using Pipeline.Delta.Parquet;

namespace Pipeline.DuckDb.Tests;

public sealed class ZOrderSpec : IDisposable
{
    private static readonly Schema Points = new(
    [
        new Field("x", Int64Type.Default, nullable: true),
        new Field("y", StringType.Default, nullable: true),
        new Field("pair", new StructType([new Field("n", Int64Type.Default, nullable: true)]), nullable: true),
    ], null);

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Files_hold_a_small_range_of_every_column_and_all_rows_stay()
    {
        const int Side = 64;
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", Points, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        for (var part = 0; part < 4; part++)
        {
            // Every file has points from everywhere.
            var cells = Enumerable.Range(0, Side * Side).Where(cell => (cell * 7919 % 4) == part).ToList();
            var file = await TestTables.WriteFileAsync(table, Batch([.. cells.Select(cell => cell / Side)], [.. cells.Select(cell => cell % Side)]));
            await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [file] });
        }

        var engine = new DuckDbSettings(256L << 20, 2, _scratch.Root);
        var result = await ZOrder.RunAsync(table, new ZOrderOptions(["x", "y"], new DataFileOptions(), engine, TargetBytes: 1), Cancel);

        Assert.Equal((4, 0), (result.FilesRemoved, result.BinsSkipped));
        Assert.Equal(Side * Side, table.Current.RowCount);
        var sums = DuckDbRows.Query(table, table.Current, "SELECT count(*), sum(x)::BIGINT, sum(y::BIGINT)::BIGINT, sum(pair.n)::BIGINT FROM files", row => (row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3)));
        var sum = Side * Side * (Side - 1) / 2L;
        Assert.Equal([(Side * Side, sum, sum, sum)], sums);
        await foreach (var (_, actions) in table.ChangesAsync(4, 5, Cancel)) Assert.All(actions.OfType<AddFile>(), file => Assert.False(file.DataChange));
    }

    [Fact]
    public async Task Neighbours_on_the_curve_are_neighbours_in_every_column()
    {
        const int Side = 64;
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", Points, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        var cells = Enumerable.Range(0, Side * Side).OrderBy(cell => cell * 7919 % (Side * Side)).ToList();
        var file = await TestTables.WriteFileAsync(table, Batch([.. cells.Select(cell => cell / Side)], [.. cells.Select(cell => cell % Side)]));
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [file] });

        await ZOrder.RunAsync(table, new ZOrderOptions(["x", "y"], new DataFileOptions(), new DuckDbSettings(256L << 20, 2, _scratch.Root)), Cancel);

        // A sixteenth of the curve is a square with a quarter of each side.
        var areas = DuckDbRows.Query(table, table.Current, """
            SELECT max(x) - min(x) + 1, max(y::BIGINT) - min(y::BIGINT) + 1
            FROM (SELECT x, y, (row_number() OVER () - 1) // 256 AS part FROM files) GROUP BY part
            """, row => (row.GetInt64(0), row.GetInt64(1)));
        Assert.Equal(16, areas.Count);
        Assert.All(areas, area => Assert.Equal((16, 16), area));
    }

    [Theory]
    [InlineData("nowhere")]
    [InlineData("pair")]
    public async Task Columns_that_cannot_be_ordered_are_refused(string column)
    {
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", Points, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);

        var error = await Assert.ThrowsAsync<PipelineException>(async () => await ZOrder.RunAsync(table,
            new ZOrderOptions([column], new DataFileOptions(), new DuckDbSettings(64L << 20, 1, _scratch.Root)), Cancel));

        Assert.Contains($"it cannot be clustered by {column}. Choose from: x, y.", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Texts of two digits, so that they sort like their numbers.</summary>
    private static RecordBatch Batch(long[] x, long[] y)
    {
        var numbers = new Int64Array.Builder().AppendRange(x).Build();
        return new RecordBatch(Points,
        [
            numbers,
            new StringArray.Builder().AppendRange(y.Select(value => value.ToString("D2"))).Build(),
            new StructArray((StructType)Points.GetFieldByName("pair").DataType, x.Length, [new Int64Array.Builder().AppendRange(x).Build()], ArrowBuffer.Empty, 0),
        ], x.Length);
    }
}
