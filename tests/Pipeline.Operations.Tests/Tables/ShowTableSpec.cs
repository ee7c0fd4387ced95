using System.Data.SqlTypes;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Tables;
using Pipeline.Testing;

namespace Pipeline.Operations.Tests.Tables;

public sealed class ShowTableSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-show-");

    private Lake Lake => new(new LocalObjectStore(_directory), TimeProvider.System);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_decimal_keeps_all_of_its_38_digits()
    {
        var digits = SqlDecimal.Parse("1234567890123456789012345678.0123456789");
        var schema = new Schema([new Field("amount", new Decimal128Type(38, 10), nullable: true)], null);
        var column = new Decimal128Array.Builder(new Decimal128Type(38, 10)).Append(digits).Build();
        await AppendAsync(TableId.Parse("gold/totals"), schema, column);

        var shown = await ShowTable.RunAsync(new ShowTableRequest(TableId.Parse("gold/totals"), RowsMax: 5), Lake, Cancel);

        Assert.Equal(digits, Assert.Single(shown.Rows)[0]);
    }

    [Fact]
    public async Task A_column_that_is_mapped_to_another_name_in_the_files_has_its_values()
    {
        await AppendAsync(TableId.Parse("silver/people"), new Schema([new Field("col-1", StringType.Default, nullable: true)], null), new StringArray.Builder().Append("Ada").Build());
        MapColumn("silver/people", physical: "col-1", logical: "name");

        var shown = await ShowTable.RunAsync(new ShowTableRequest(TableId.Parse("silver/people"), RowsMax: 5), Lake, Cancel);

        Assert.Equal("name", Assert.Single(shown.Schema.FieldsList).Name);
        Assert.Equal("Ada", Assert.Single(shown.Rows)[0]);
    }

    [Fact]
    public async Task Every_type_of_a_table_comes_as_its_own()
    {
        var list = new ListArray.Builder(Int64Type.Default);
        list.Append();
        ((Int64Array.Builder)list.ValueBuilder).Append(1).AppendNull();
        var schema = new Schema(
        [
            new Field("flag", BooleanType.Default, nullable: true), new Field("small", Int16Type.Default, nullable: true), new Field("ratio", DoubleType.Default, nullable: true),
            new Field("raw", BinaryType.Default, nullable: true), new Field("day", Date32Type.Default, nullable: true),
            new Field("at", new TimestampType(TimeUnit.Microsecond, "UTC"), nullable: true), new Field("list", new ListType(new Field("element", Int64Type.Default, nullable: true)), nullable: true),
            new Field("none", StringType.Default, nullable: true),
        ], null);
        await AppendAsync(TableId.Parse("gold/types"), schema,
            new BooleanArray.Builder().Append(true).Build(), new Int16Array.Builder().Append(-7).Build(), new DoubleArray.Builder().Append(double.NaN).Build(),
            new BinaryArray.Builder().Append([1, 2]).Build(), new Date32Array.Builder().Append(new DateOnly(2026, 3, 2)).Build(),
            new TimestampArray.Builder(new TimestampType(TimeUnit.Microsecond, "UTC")).Append(new DateTimeOffset(2026, 3, 2, 1, 2, 3, TimeSpan.Zero)).Build(), list.Build(),
            new StringArray.Builder().AppendNull().Build());

        var row = Assert.Single((await ShowTable.RunAsync(new ShowTableRequest(TableId.Parse("gold/types"), RowsMax: 5), Lake, Cancel)).Rows);

        var at = new DateTimeOffset(2026, 3, 2, 1, 2, 3, TimeSpan.Zero).ToUnixTimeMilliseconds() * 1000;
        Assert.Equal([true, -7L, double.NaN, new byte[] { 1, 2 }, new DateOnly(2026, 3, 2), new LakeTimestamp(at, HasZone: true), new object?[] { 1L, null }, null], row);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(2, 2)]
    [InlineData(9, 3)]
    public async Task No_more_rows_come_than_were_asked_for(int asked, int come)
    {
        var schema = new Schema([new Field("id", Int64Type.Default, nullable: true)], null);
        foreach (var id in (long[])[1, 2, 3]) await AppendAsync(TableId.Parse("gold/ids"), schema, new Int64Array.Builder().Append(id).Build());

        var shown = await ShowTable.RunAsync(new ShowTableRequest(TableId.Parse("gold/ids"), asked), Lake, Cancel);

        Assert.Equal(come, shown.Rows.Count);
    }

    private async Task AppendAsync(TableId id, Schema schema, params IArrowArray[] columns)
    {
        var table = await Lake.OpenOrCreateAsync(id, schema, [], new Dictionary<string, string>(StringComparer.Ordinal), Cancel);
        using var rows = new RecordBatch(schema, columns, columns[0].Length);
        await using var file = await table.OpenDataFileAsync(schema, new Dictionary<string, string?>(StringComparer.Ordinal), new DataFileOptions(), Cancel);
        file.Write(rows);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("APPEND", Isolation.BlindAppend) { Adds = [await file.CompleteAsync(Cancel)] }, Cancel));
    }

    /// <summary>Another writer renames a column: the log says by which name the files know it (PROTOCOL.md, "Column Mapping").</summary>
    private void MapColumn(string table, string physical, string logical)
    {
        var field = $$$"""{\"name\":\"{{{logical}}}\",\"type\":\"string\",\"nullable\":true,\"metadata\":{\"delta.columnMapping.id\":1,\"delta.columnMapping.physicalName\":\"{{{physical}}}\"}}""";
        var commit = $$$"""
            {"protocol":{"minReaderVersion":2,"minWriterVersion":5}}
            {"metaData":{"id":"{{{Guid.NewGuid()}}}","format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[{{{field}}}]}","partitionColumns":[],"configuration":{"delta.columnMapping.mode":"name","delta.columnMapping.maxColumnId":"1"},"createdTime":0}}

            """;
        File.WriteAllText(Path.Combine(_directory, table, "_delta_log", "00000000000000000002.json"), commit, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
    }
}
