using System.Globalization;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using Pipeline.Delta;
using Pipeline.Delta.Tests;

namespace Pipeline.DuckDb.Tests;

/// <summary>A file is ruled out only where no row of it can match, in all types, by bounds of ours and of other writers.</summary>
public sealed class FileBoundsSpec : IDisposable
{
    private static readonly Dictionary<string, (IArrowType Type, Gen<string> Value)> Types = new(StringComparer.Ordinal)
    {
        ["byte"] = (Int8Type.Default, Gen.SByte.Select(v => v.ToString(CultureInfo.InvariantCulture))),
        ["short"] = (Int16Type.Default, Gen.Short.Select(v => v.ToString(CultureInfo.InvariantCulture))),
        ["int"] = (Int32Type.Default, Gen.Int.Select(v => v.ToString(CultureInfo.InvariantCulture))),
        ["long"] = (Int64Type.Default, Gen.Long.Select(v => v.ToString(CultureInfo.InvariantCulture))),
        ["float"] = (FloatType.Default, Gen.OneOf(Gen.Float.Select(v => v.ToString("R", CultureInfo.InvariantCulture)), Any("NaN", "-0.0", "0.0", "Infinity", "-Infinity"))),
        ["double"] = (DoubleType.Default, Gen.OneOf(Gen.Double.Select(v => v.ToString("R", CultureInfo.InvariantCulture)), Any("NaN", "-0.0", "0.0", "Infinity", "-Infinity"))),
        ["decimal"] = (new Decimal128Type(38, 18), Gen.Select(Gen.Long, Gen.Long[0, 999_999_999_999_999_999]).Select((whole, part) => $"{whole.ToString(CultureInfo.InvariantCulture)}.{part.ToString("D18", CultureInfo.InvariantCulture)}")),
        ["fraction"] = (new Decimal128Type(18, 18), Gen.Select(Gen.Bool, Gen.Long[0, 999_999_999_999_999_999]).Select((minus, part) => $"{(minus ? "-" : "")}0.{part.ToString("D18", CultureInfo.InvariantCulture)}")),
        ["date"] = (Date32Type.Default, Gen.Int[0, 3_652_058].Select(day => DateOnly.FromDayNumber(day).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture))),
        ["timestamp"] = (new TimestampType(TimeUnit.Microsecond, "UTC"), Gen.OneOf(Gen.Long[0, 3000], Gen.Long[-62_135_596_800_000_000, 253_402_300_799_999_999])
            .Select(us => DateTimeOffset.UnixEpoch.AddTicks(us * 10).ToString("yyyy-MM-dd HH:mm:ss.ffffff+00", CultureInfo.InvariantCulture))),
        ["string"] = (StringType.Default, Gen.OneOf(Gen.String[Gen.Char['a', 'c'], 0, 3], Gen.String[Any('a', '\u00E9', '\uFFFD', '\u007F'), 30, 40], Gen.Int[30, 34].Select(n => string.Concat(Enumerable.Repeat("\U0001F600", n)) + "z"))),
    };

    private static readonly string[] Operators = ["=", "<", "<=", ">", ">="];

    private readonly Scratch _scratch = new();

    public static TheoryData<string> AllTypes => [.. Types.Keys];

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [MemberData(nameof(AllTypes))]
    public async Task Rules_no_file_out_that_has_a_row(string name)
    {
        var (type, gen) = Types[name];
        var column = new Field("v", type, nullable: true);
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", new Schema([column], null), [], TestTables.NoConfiguration, TimeProvider.System, TestContext.Current.CancellationToken);
        using var session = DuckDbSession.Open(new DuckDbSettings(128L << 20, 1, Path.Combine(_scratch.Root, "tmp")), TestContext.Current.CancellationToken);

        await Gen.Select(gen.Array[1, 4], gen, Any(Operators), Gen.Bool).SampleAsync(async (values, other, op, isOther) =>
        {
            var rows = string.Join(" UNION ALL ", values.Select(value => $"SELECT CAST({Sql.Text(value)} AS {Sql.Type(type)}) AS v"));
            var adds = await ParquetCopy.WriteAsync(session, table, [column], rows, DateTimeOffset.UnixEpoch, CancellationToken.None);
            var file = Assert.Single(adds);
            if (type is TimestampType) file = file with { Stats = CutToMilliseconds(session, rows) };
            if (type is FloatType or DoubleType) file = file with { Stats = WithoutNaN(session, rows) ?? file.Stats };
            var wanted = isOther ? other : values[0];
            var predicate = $"v {op} CAST({Sql.Text(wanted)} AS {Sql.Type(type)})";
            if (type is StringType) predicate = $"v {op} {Sql.Text(wanted)}";
            FileBounds.Load(session, [file]);
            var condition = PredicateBounds.Of(session, predicate, [column]);

            var matches = session.Count($"SELECT count(*) FROM ({rows}) WHERE {predicate}") > 0;

            if (matches && condition is not null) Assert.Equal([file.Path], FileBounds.NotRuledOut(session, condition));
        }, iter: 60, threads: 1);
    }

    private static Gen<T> Any<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    /// <summary>As Spark writes them.</summary>
    private static string CutToMilliseconds(DuckDbSession session, string rows)
    {
        var row = session.Rows($"SELECT strftime(min(v), '%Y-%m-%dT%H:%M:%S.%g') || 'Z', strftime(max(v), '%Y-%m-%dT%H:%M:%S.%g') || 'Z' FROM ({rows})").Single();
        return JsonSerializer.Serialize(new { numRecords = 1, minValues = new { v = row[0] }, maxValues = new { v = row[1] } });
    }

    /// <summary>As writers do that pass NaN by.</summary>
    private static string? WithoutNaN(DuckDbSession session, string rows)
    {
        var row = session.Rows($"SELECT CAST(min(v) AS VARCHAR), CAST(max(v) AS VARCHAR) FROM ({rows}) WHERE NOT isnan(v) AND NOT isinf(v)").Single();
        return row[0] is not string low || row[1] is not string high || session.Count($"SELECT count(*) FROM ({rows}) WHERE isinf(v)") > 0 ? null
            : $"{{\"numRecords\":1,\"minValues\":{{\"v\":{low}}},\"maxValues\":{{\"v\":{high}}}}}";
    }
}
