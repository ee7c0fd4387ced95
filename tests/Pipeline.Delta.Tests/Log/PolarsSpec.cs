using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.Log;

/// <summary>A reader that takes partition values out of directories reads our tables row by row.</summary>
public sealed class PolarsSpec : IDisposable
{
    private static readonly Field[] Old =
    [
        new("key", Int64Type.Default, nullable: false), new("flag", BooleanType.Default, nullable: true), new("amount", new Decimal128Type(12, 2), nullable: true),
        new("at", new TimestampType(TimeUnit.Microsecond, "UTC"), nullable: true), new("part", DoubleType.Default, nullable: true), new("tags", new ListType(StringType.Default), nullable: true),
    ];

    private static readonly Field More = new("more", StringType.Default, nullable: true);
    private static readonly Field Day = new("_day", Date32Type.Default, nullable: true);

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Polars_reads_a_partitioned_table_whose_columns_became_more()
    {
        var folder = Path.Combine(Path.GetDirectoryName(Here())!, "Polars");
        var modules = await NpmModules.TryFetchAsync(Path.Combine(folder, "package.json"), Cancel);
        Assert.SkipWhen(modules is null, "npm cannot fetch nodejs-polars.");
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", new Schema([.. Old, Day], null), ["_day"], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        await WriteAsync(table, "2026-03-01", Rows(Old, 1, isFull: true), schema: null);
        await WriteAsync(table, "2026-03-02", Rows([.. Old, More], 2, isFull: false), new Schema([.. Old, Day, More], null));
        await WriteAsync(table, "2026-03-02", Rows([.. Old, More], 3, isFull: true), schema: null);

        await using var node = OutsideProgram.TryStart("node", [Path.Combine(folder, "read.mjs"), modules, Path.Combine(_scratch.Root, "t", "_day=*", "*.parquet")]);
        Assert.SkipWhen(node is null, "There is no node.");
        var (exit, lines) = await node.WaitForExitAsync(Cancel);

        Assert.Equal(
            [
                """[1,true,"12.34","2026-03-01T12:00:00.123Z","Infinity",["a",null],null,"2026-03-01T00:00:00.000Z"]""",
                """[2,null,null,null,null,null,null,"2026-03-02T00:00:00.000Z"]""",
                """[3,true,"12.34","2026-03-01T12:00:00.123Z","Infinity",["a",null],"x","2026-03-02T00:00:00.000Z"]""",
                "flag 2", "part 2", "more 1", "_day 2",
            ], lines);
        Assert.Equal(0, exit);
    }

    private static async Task WriteAsync(DeltaTable table, string day, RecordBatch rows, Schema? schema)
    {
        using var batch = rows;
        await using var writer = await table.OpenDataFileAsync(batch.Schema, ImmutableDictionary<string, string?>.Empty.Add("_day", day), new DataFileOptions(), Cancel);
        writer.Write(batch);
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Schema = schema, Adds = [await writer.CompleteAsync(Cancel)] });
    }

    /// <summary>One row.</summary>
    private static RecordBatch Rows(Field[] fields, long key, bool isFull)
    {
        var (flags, amounts, times) = (new BooleanArray.Builder(), new Decimal128Array.Builder(new Decimal128Type(12, 2)), new TimestampArray.Builder(new TimestampType(TimeUnit.Microsecond, "UTC")));
        var (parts, tags, more) = (new DoubleArray.Builder(), new ListArray.Builder(StringType.Default), new StringArray.Builder());
        if (isFull)
        {
            flags.Append(true);
            amounts.Append(12.34m);
            times.Append(new DateTimeOffset(2026, 3, 1, 12, 0, 0, 123, TimeSpan.Zero));
            parts.Append(double.PositiveInfinity);
            tags.Append();
            ((StringArray.Builder)tags.ValueBuilder).Append("a").AppendNull();
            more.Append("x");
        }
        else
        {
            flags.AppendNull();
            amounts.AppendNull();
            times.AppendNull();
            parts.AppendNull();
            tags.AppendNull();
            more.AppendNull();
        }

        IArrowArray[] columns = [new Int64Array.Builder().Append(key).Build(), flags.Build(), amounts.Build(), times.Build(), parts.Build(), tags.Build(), more.Build()];
        return new RecordBatch(new Schema(fields, null), columns[..fields.Length], 1);
    }

    private static string Here([CallerFilePath] string path = "") => path;
}
