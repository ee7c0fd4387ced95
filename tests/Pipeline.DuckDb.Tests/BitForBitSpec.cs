using System.Collections.Immutable;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Tests;

namespace Pipeline.DuckDb.Tests;

/// <summary>
/// Whoever moves rows from file to file changes no bit of a value, of any type: not the sign of a zero, not the payload of a NaN, not an empty text
/// into none.
/// </summary>
public sealed class BitForBitSpec : IDisposable
{
    private static readonly Schema Columns = new(
    [
        new Field("id", Int64Type.Default, nullable: true),
        new Field("tiny", Int8Type.Default, nullable: true),
        new Field("small", Int16Type.Default, nullable: true),
        new Field("whole", Int32Type.Default, nullable: true),
        new Field("single", FloatType.Default, nullable: true),
        new Field("number", DoubleType.Default, nullable: true),
        new Field("price", new Decimal128Type(38, 9), nullable: true),
        new Field("flag", BooleanType.Default, nullable: true),
        new Field("text", StringType.Default, nullable: true),
        new Field("bytes", BinaryType.Default, nullable: true),
        new Field("day", Date32Type.Default, nullable: true),
        new Field("moment", new TimestampType(TimeUnit.Microsecond, "UTC"), nullable: true),
        new Field("list", new ListType(new Field("element", DoubleType.Default, nullable: true)), nullable: true),
        new Field("part", StringType.Default, nullable: true),
    ], null);

    private static readonly double[] Doubles =
        [0.0, -0.0, double.NaN, BitConverter.UInt64BitsToDouble(0xFFF8_0000_0000_0123), double.PositiveInfinity, double.NegativeInfinity, double.Epsilon, double.MinValue, double.MaxValue, 0.1, 1e300 / 3];

    private static readonly float[] Floats =
        [0f, -0f, float.NaN, BitConverter.UInt32BitsToSingle(0xFFC0_0123), float.PositiveInfinity, float.NegativeInfinity, float.Epsilon, float.MinValue, float.MaxValue, 0.1f];

    private static readonly string[] Texts = ["", " ", "a", "\0", "é\u0301", "😀", "'", "\"", "null", "NULL", new string('x', 5000)];

    private static readonly string?[] Parts = [null, "", "x", "null", "é", "a=b/c"];

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private DuckDbSettings Engine => new(256L << 20, 1, Path.Combine(_scratch.Root, "tmp"));

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Compaction_Z_order_and_purge_change_no_value()
    {
        var tables = 0;
        Gen.Select(Gen.Int[0, int.MaxValue], Gen.Int[0, 2]).Sample((seed, mover) =>
        {
            var table = MakeAsync($"t{Interlocked.Increment(ref tables)}", new Random(seed)).GetAwaiter().GetResult();
            var before = RowsAsync(table).GetAwaiter().GetResult();
            switch (mover)
            {
                case 0:
                    Compaction.RunAsync(table, new CompactionOptions(new DataFileOptions()), Cancel).AsTask().GetAwaiter().GetResult();
                    break;
                case 1:
                    ZOrder.RunAsync(table, new ZOrderOptions(["text", "number"], new DataFileOptions(), Engine), Cancel).AsTask().GetAwaiter().GetResult();
                    break;
                default:
                    PredicateDelete.RunAsync(table, "id % 3 = 0", Engine, Cancel).GetAwaiter().GetResult();
                    before.RemoveAll(row => long.Parse(row.Split('|')[0]) % 3 == 0);
                    break;
            }

            Assert.Equal(before, RowsAsync(table).GetAwaiter().GetResult());
        }, iter: 30, threads: 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Both_zeros_and_every_NaN_stay_what_they_are_where_a_file_has_few_values(bool isOrdered)
    {
        var numbers = new DoubleArray.Builder();
        var singles = new FloatArray.Builder();
        var ids = new Int64Array.Builder();
        for (var i = 0; i < 1_000; i++)
        {
            ids.Append(i);
            numbers.Append(Doubles[i % 4]);
            singles.Append(Floats[i % 4]);
        }

        var schema = new Schema([Columns.GetFieldByName("id"), Columns.GetFieldByName("single"), Columns.GetFieldByName("number")], null);
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "zeros", schema, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        using var batch = new RecordBatch(schema, [ids.Build(), singles.Build(), numbers.Build()], 1_000);
        await using var writer = await table.OpenDataFileAsync(schema, new Dictionary<string, string?>(), new DataFileOptions(), Cancel);
        writer.Write(batch);
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [await writer.CompleteAsync(Cancel)] });
        var before = await RowsAsync(table);

        using var session = DuckDbSession.Open(Engine, Cancel);
        var rows = await TableFiles.RelationAsync(session, table.Store, table.Path, schema.FieldsList, [.. table.Current.Files.Select(file => file.Path)], withOrigin: false, Cancel);
        var written = await ParquetCopy.ToFilesAsync(session, table.Store, table.Path, schema.FieldsList, $"SELECT * FROM ({rows})", isOrdered ? ["id"] : [], 128_000_000, Cancel);
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.ReadTable)
        {
            ReadVersion = table.Current.Version,
            Adds = [.. written.Select(file => new AddFile(file.Name, ImmutableDictionary<string, string?>.Empty, file.Size, DateTimeOffset.UnixEpoch, DataChange: false, Stats: null))],
            Removes = [.. table.Current.Files.Select(file => new RemoveFile(file.Path, DateTimeOffset.UnixEpoch, DataChange: false, file.PartitionValues, file.Size))],
        });

        Assert.Equal(before, await RowsAsync(table));
    }

    private async Task<DeltaTable> MakeAsync(string name, Random random)
    {
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), name, Columns, ["part"], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        var id = 0L;
        for (var file = random.Next(2, 5); file > 0; file--)
        {
            using var batch = Batch(random, ref id);
            await using var writer = await table.OpenDataFileAsync(batch.Schema, new Dictionary<string, string?> { ["part"] = Parts[random.Next(Parts.Length)] }, new DataFileOptions(), Cancel);
            writer.Write(batch);
            await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [await writer.CompleteAsync(Cancel)] });
        }

        return table;
    }

    private static RecordBatch Batch(Random random, ref long id)
    {
        var count = random.Next(1, 12);
        var ids = new Int64Array.Builder();
        for (var i = 0; i < count; i++) ids.Append(id++);
        var list = new ListArray.Builder(DoubleType.Default);
        var items = (DoubleArray.Builder)list.ValueBuilder;
        for (var i = 0; i < count; i++)
        {
            if (random.Next(4) == 0)
            {
                list.AppendNull();
                continue;
            }

            list.Append();
            for (var item = random.Next(3); item > 0; item--) items.Append(Doubles[random.Next(Doubles.Length)]);
        }

        IArrowArray[] columns =
        [
            ids.Build(),
            Fill(new Int8Array.Builder(), count, random, b => b.Append((sbyte)random.Next(-128, 128)), b => b.AppendNull()).Build(),
            Fill(new Int16Array.Builder(), count, random, b => b.Append((short)random.Next(short.MinValue, short.MaxValue + 1)), b => b.AppendNull()).Build(),
            Fill(new Int32Array.Builder(), count, random, b => b.Append(random.Next(2) == 0 ? int.MinValue : random.Next()), b => b.AppendNull()).Build(),
            Fill(new FloatArray.Builder(), count, random, b => b.Append(Floats[random.Next(Floats.Length)]), b => b.AppendNull()).Build(),
            Fill(new DoubleArray.Builder(), count, random, b => b.Append(Doubles[random.Next(Doubles.Length)]), b => b.AppendNull()).Build(),
            Fill(new Decimal128Array.Builder(new Decimal128Type(38, 9)), count, random,
                b => b.Append(random.Next(2) == 0 ? "99999999999999999999999999999.999999999" : $"-{random.Next()}.{random.Next(1_000_000_000):D9}"), b => b.AppendNull()).Build(),
            Fill(new BooleanArray.Builder(), count, random, b => b.Append(random.Next(2) == 0), b => b.AppendNull()).Build(),
            Fill(new StringArray.Builder(), count, random, b => b.Append(Texts[random.Next(Texts.Length)]), b => b.AppendNull()).Build(),
            Fill(new BinaryArray.Builder(), count, random, b => b.Append(Encoding.UTF8.GetBytes(Texts[random.Next(Texts.Length)]).AsSpan()), b => b.AppendNull()).Build(),
            Fill(new Date32Array.Builder(), count, random, b => b.Append(new DateOnly(random.Next(1, 10_000), 1, 1)), b => b.AppendNull()).Build(),
            Fill(new TimestampArray.Builder(new TimestampType(TimeUnit.Microsecond, "UTC")), count, random, b => b.Append(new DateTimeOffset(random.Next(1, 10_000), 12, 31, 23, 59, 59, 999, TimeSpan.Zero)), b => b.AppendNull()).Build(),
            list.Build(),
        ];
        return new RecordBatch(new Schema(Columns.FieldsList.Take(columns.Length), null), columns, count);
    }

    private static T Fill<T>(T builder, int count, Random random, Action<T> append, Action<T> appendNull)
    {
        for (var i = 0; i < count; i++)
        {
            if (random.Next(5) == 0) appendNull(builder);
            else append(builder);
        }

        return builder;
    }

    /// <summary>Each row as the bits of its values, in order.</summary>
    private static async Task<List<string>> RowsAsync(DeltaTable table)
    {
        var rows = new List<string>();
        await foreach (var batch in TableReader.ReadAsync(table, await table.RefreshAsync(Cancel), new ReadOptions(), Cancel))
        {
            using (batch)
                for (var row = 0; row < batch.Length; row++) rows.Add(string.Join('|', batch.Arrays.Select(column => Bits(column, row))));
        }

        rows.Sort(StringComparer.Ordinal);
        return rows;
    }

    private static string Bits(IArrowArray column, int row)
    {
        if (column.IsNull(row)) return "null";
        return column switch
        {
            FloatArray values => $"{BitConverter.SingleToUInt32Bits(values.GetValue(row)!.Value):x8}",
            DoubleArray values => $"{BitConverter.DoubleToUInt64Bits(values.GetValue(row)!.Value):x16}",
            Decimal128Array values => values.GetString(row)!,
            BooleanArray values => $"{values.GetValue(row)}",
            StringArray values => $"'{Convert.ToHexString(values.GetBytes(row))}'",
            BinaryArray values => $"'{Convert.ToHexString(values.GetBytes(row))}'",
            Date32Array values => $"{values.GetValue(row)}",
            TimestampArray values => $"{values.GetValue(row)}",
            Int8Array values => $"{values.GetValue(row)}",
            Int16Array values => $"{values.GetValue(row)}",
            Int32Array values => $"{values.GetValue(row)}",
            Int64Array values => $"{values.GetValue(row)}",
            ListArray values => string.Join(',', Enumerable.Range(values.ValueOffsets[row], values.ValueOffsets[row + 1] - values.ValueOffsets[row]).Select(i => Bits(values.Values, i)).Prepend("[")),
            _ => throw new NotSupportedException(column.Data.DataType.Name),
        };
    }
}
