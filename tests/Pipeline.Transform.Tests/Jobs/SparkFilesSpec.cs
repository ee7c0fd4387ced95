using System.Collections.Immutable;
using System.Text.Json;
using ParquetSharp;
using ParquetSharp.Schema;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>Files as Spark's writer leaves them are accepted as they are, and their bounds go into the log.</summary>
public sealed class SparkFilesSpec : IDisposable
{
    private const string Execution = "4b1de7";

    private const string Table = "gold/t";

    private readonly TestLake _lake = new(TestGraph.Of(""));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Theory]
    // Decimals in the smallest physical type that holds them, null or not.
    [InlineData("decimal(9,2)", "-1.25", "7.5", "-1.25", "7.50")]
    [InlineData("decimal(18,4)", "-1.25", "99999999999999.9999", "-1.2500", "99999999999999.9999")]
    [InlineData("decimal(28,10)", "-1.25", "999999999999999999.9999999999", "-1.2500000000", "999999999999999999.9999999999")]
    [InlineData("long", "-5", "9223372036854775807", "-5", "9223372036854775807")]
    [InlineData("date", "0001-01-01", "9999-12-31", "\"0001-01-01\"", "\"9999-12-31\"")]
    [InlineData("timestamp", "1582-10-04 00:00:00", "2026-01-01 00:00:00.123456", "\"1582-10-04T00:00:00.000Z\"", "\"2026-01-01T00:00:00.124Z\"")]
    [InlineData("string", "a", "é", "\"a\"", "\"\\u00E9\"")]
    [InlineData("double", "-0.0", "2.5", "-0.0", "2.5")]
    [InlineData("boolean", "false", "true", "false", "true")]
    [InlineData("array<string>", "a", "b", null, null)]
    public async Task A_column_of_each_type_is_accepted_required_or_not(string type, string low, string high, string? min, string? max)
    {
        foreach (var repetition in (Repetition[])[Repetition.Optional, Repetition.Required])
        {
            var checkedOutput = await AcceptAsync([new JobColumn("value", type)], NodeOf("value", type, repetition), [low, high]);

            var add = Assert.Single(checkedOutput.Adds);
            Assert.Equal((min, max), Bounds(add, "value"));
            Assert.Equal(2, add.RowCount);
        }
    }

    [Fact]
    public async Task Bounds_of_a_personal_column_leave_footer_and_page_index_before_the_file_is_committed()
    {
        var checkedOutput = await AcceptAsync([new JobColumn("value", "string", HasStatistics: false)], NodeOf("value", "string", Repetition.Optional), ["a", "b"]);

        var add = Assert.Single(checkedOutput.Adds);
        var path = _lake.Lake.Store.LocalPath($"{Table}/{add.Path}")!;
        Assert.Equal((null, null), Bounds(add, "value"));
        Assert.Equal(new FileInfo(path).Length, add.Size);
        Assert.True(add.Size < _written);
        using var reader = new ParquetFileReader(path);
        using var group = reader.RowGroup(0);
        using var chunk = group.MetaData.GetColumnChunkMetaData(0);
        Assert.False(chunk.Statistics is { HasMinMax: true });
    }

    [Theory]
    [InlineData("without a zone")]
    [InlineData("in milliseconds")]
    [InlineData("in 96 bits")]
    public async Task A_timestamp_of_another_kind_is_no_moment(string kind)
    {
        Node node = kind switch
        {
            "without a zone" => new PrimitiveNode("value", Repetition.Optional, LogicalType.Timestamp(isAdjustedToUtc: false, TimeUnit.Micros), PhysicalType.Int64),
            "in milliseconds" => new PrimitiveNode("value", Repetition.Optional, LogicalType.Timestamp(isAdjustedToUtc: true, TimeUnit.Millis), PhysicalType.Int64),
            _ => new PrimitiveNode("value", Repetition.Optional, LogicalType.None(), PhysicalType.Int96),
        };

        var fault = await Assert.ThrowsAsync<PipelineException>(() => AcceptAsync([new JobColumn("value", "timestamp")], node, null));

        Assert.Contains("timestamp of another unit or without a zone", fault.Message, StringComparison.Ordinal);
    }

    private long _written;

    /// <param name="values">Of the column; null: there are no rows.</param>
    private async Task<CheckedOutput> AcceptAsync(JobColumn[] columns, Node node, string[]? values)
    {
        var file = $"x-{Execution}/part-00000-{Guid.NewGuid()}-c000.zstd.parquet";
        var path = _lake.Lake.Store.LocalPath($"{Table}/{file}")!;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using (var root = new GroupNode("spark_schema", Repetition.Required, [node]))
        {
            using var properties = new WriterPropertiesBuilder().Compression(Compression.Zstd).EnableWritePageIndex().CreatedBy("parquet-mr version 1.13.1").Build();
            using var writer = new ParquetFileWriter(path, root, properties, new Dictionary<string, string>(StringComparer.Ordinal) { ["org.apache.spark.version"] = "3.5.7" });
            using var group = writer.AppendRowGroup();
            using var column = group.NextColumn();
            if (values is not null) Write(column, columns[0].Type, node.Repetition, values);
            writer.Close();
        }

        _written = new FileInfo(path).Length;
        var document = new JobDocument
        {
            Format = JobDocument.CurrentFormat,
            Dialect = SqlDialect.Spark.Engine,
            Run = new DocumentRun(TableId.Parse(Table), 1),
            Root = "/",
            Outputs = [new JobOutput(Table, Table, [.. columns])],
        };
        var sha256 = JobDocument.Sha256Of(document.ToUtf8());
        var answer = new JobAnswer
        {
            Format = JobDocument.CurrentFormat,
            Document = sha256,
            Execution = Execution,
            Outputs = [new AnsweredOutput(Table, [new AnsweredFile(file, _written, values?.Length ?? 0)])],
        };
        var accepted = await new AnswerCheck(_lake.Lake.Store, document, sha256, Execution, _lake.Time).AcceptAsync(answer, ImmutableDictionary<string, Snapshot?>.Empty.Add(Table, null), Cancel);
        return accepted.Output(TableId.Parse(Table));
    }

    private static Node NodeOf(string name, string type, Repetition repetition) => type switch
    {
        "decimal(9,2)" => new PrimitiveNode(name, repetition, LogicalType.Decimal(9, 2), PhysicalType.Int32),
        "decimal(18,4)" => new PrimitiveNode(name, repetition, LogicalType.Decimal(18, 4), PhysicalType.Int64),
        "decimal(28,10)" => new PrimitiveNode(name, repetition, LogicalType.Decimal(28, 10), PhysicalType.FixedLenByteArray, 16),
        "long" => new PrimitiveNode(name, repetition, LogicalType.None(), PhysicalType.Int64),
        "date" => new PrimitiveNode(name, repetition, LogicalType.Date(), PhysicalType.Int32),
        "timestamp" => new PrimitiveNode(name, repetition, LogicalType.Timestamp(isAdjustedToUtc: true, TimeUnit.Micros), PhysicalType.Int64),
        "string" => new PrimitiveNode(name, repetition, LogicalType.String(), PhysicalType.ByteArray),
        "double" => new PrimitiveNode(name, repetition, LogicalType.None(), PhysicalType.Double),
        "boolean" => new PrimitiveNode(name, repetition, LogicalType.None(), PhysicalType.Boolean),
        // Three levels.
        _ => new GroupNode(name, repetition, [new GroupNode("list", Repetition.Repeated, [new PrimitiveNode("element", Repetition.Optional, LogicalType.String(), PhysicalType.ByteArray)])], LogicalType.List()),
    };

    private static void Write(ColumnWriter column, string type, Repetition repetition, string[] values)
    {
        var isRequired = repetition == Repetition.Required;
        var culture = System.Globalization.CultureInfo.InvariantCulture;
        switch (type)
        {
            case "string":
                WriteAll(values);
                break;
            case "array<string>":
                WriteAll(values.Select(value => new[] { value }).ToArray());
                break;
            case "long":
                WriteValues(value => long.Parse(value, culture));
                break;
            case "double":
                WriteValues(value => double.Parse(value, culture));
                break;
            case "boolean":
                WriteValues(bool.Parse);
                break;
            case "date":
                WriteValues(value => new Date(DateTime.Parse(value, culture)));
                break;
            case "timestamp":
                WriteValues(value => DateTime.Parse(value, culture));
                break;
            default:
                WriteValues(value => decimal.Parse(value, culture));
                break;
        }

        void WriteValues<T>(Func<string, T> parse) where T : struct
        {
            if (isRequired) WriteAll(values.Select(parse).ToArray());
            else WriteAll(values.Select(value => (T?)parse(value)).ToArray());
        }

        void WriteAll<T>(T[] all)
        {
            using var writer = column.LogicalWriter<T>();
            writer.WriteBatch(all);
        }
    }

    private static (string? Min, string? Max) Bounds(AddFile add, string column)
    {
        var stats = JsonDocument.Parse(add.Stats!).RootElement;
        string? Of(string kind) => stats.GetProperty(kind).TryGetProperty(column, out var value) ? value.GetRawText() : null;
        return (Of("minValues"), Of("maxValues"));
    }
}
