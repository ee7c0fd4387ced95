using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;

namespace Pipeline.Delta.Tests.Parquet;

/// <summary>The expected forms are those of the reference implementation.</summary>
public sealed class StatisticsSpec
{
    private const string PlaneOne = "\U0001F600";

    [Fact]
    public void Every_type_is_written_as_the_reference_writes_it()
    {
        Assert.Equal("{\"numRecords\":3,"
            + "\"minValues\":{\"long\":-9223372036854775808,\"int\":-2147483648,\"short\":-32768,\"byte\":-128,\"float\":-1.5,\"double\":-1E+300,\"bool\":false,"
            + "\"text\":\"\",\"date\":\"0001-01-01\",\"time\":\"0001-01-01T00:00:00.000Z\",\"small\":-9999999.99,"
            + "\"big\":-99999999999999999999.999999999999999999,\"pair\":{\"n\":1,\"t\":\"\"}},"
            + "\"maxValues\":{\"long\":9223372036854775807,\"int\":2147483647,\"short\":32767,\"byte\":127,\"float\":2.25,\"double\":0.1,\"bool\":true,"
            // The last microseconds of the year 9999 have no millisecond above them.
            + "\"text\":\"zebra ü\",\"date\":\"9999-12-31\",\"time\":\"9999-12-31T23:59:59.999Z\",\"small\":0.05,"
            + "\"big\":99999999999999999999.999999999999999999,\"pair\":{\"n\":3,\"t\":\"zebra ü\"}},"
            + "\"nullCount\":{\"long\":1,\"int\":1,\"short\":1,\"byte\":1,\"float\":1,\"double\":1,\"bool\":1,\"text\":1,\"bytes\":1,\"date\":1,\"time\":1,"
            + "\"small\":1,\"big\":1,\"pair\":{\"n\":1,\"t\":1},\"list\":1,\"map\":1,\"nulls\":3}}",
            Collect(AllTypes.Batch()));
    }

    [Fact]
    public void Times_are_cut_to_milliseconds_outwards()
    {
        Assert.Equal(("1969-12-31T23:59:59.998Z", "2021-09-08T11:11:11.124Z"), TimeBounds(-1_001, 1_631_099_471_123_001));
        Assert.Equal(("1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.001Z"), TimeBounds(0, 1_000));
    }

    [Fact]
    public void The_end_of_time_is_bounded_by_its_last_millisecond_and_nothing_is_behind_it()
    {
        const long end = 253_402_300_799_999_999;

        Assert.Equal(("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"), TimeBounds(end - 5, end));
        Assert.Equal("9999-12-31T23:59:59.999Z", TimeBounds(0, end - 999).Maximum);
        Assert.Null(CalendarText.Maximum(end + 1, hasZone: true));
    }

    [Theory]
    [InlineData("true,false", "false", "true")]
    [InlineData("true,true", "true", "true")]
    [InlineData("false,null", "false", "false")]
    [InlineData("null,true,null", "true", "true")]
    [InlineData("null", "", "")]
    public void Booleans_have_bounds(string values, string minimum, string maximum)
    {
        var builder = new BooleanArray.Builder();
        foreach (var value in values.Split(','))
            if (value == "null") builder.AppendNull();
            else builder.Append(value == "true");
        // Behind others, as a part of a larger array has them.
        var array = new BooleanArray.Builder().Append(true).Append(false).Append(true);
        foreach (var value in values.Split(','))
            if (value == "null") array.AppendNull();
            else array.Append(value == "true");

        foreach (var batch in new[] { One(new Field("c", BooleanType.Default, nullable: true), builder.Build()), One(new Field("c", BooleanType.Default, nullable: true), array.Build()).Slice(3, values.Split(',').Length) })
        {
            var stats = Json(Collect(batch));
            Assert.Equal((minimum, maximum), (Bound(stats, "minValues"), Bound(stats, "maxValues")));
        }
    }

    [Theory]
    [InlineData(double.NegativeInfinity, 1, "\"-Infinity\"", "1")]
    [InlineData(1, double.PositiveInfinity, "1", "\"Infinity\"")]
    [InlineData(double.NegativeInfinity, double.PositiveInfinity, "\"-Infinity\"", "\"Infinity\"")]
    [InlineData(double.PositiveInfinity, double.PositiveInfinity, "\"Infinity\"", "\"Infinity\"")]
    public void Infinity_is_a_text(double low, double high, string minimum, string maximum)
    {
        foreach (var batch in new[] { Doubles(low, high), One(new Field("c", FloatType.Default, nullable: true), new FloatArray.Builder().Append((float)low).Append((float)high).Build()) })
        {
            var stats = Json(Collect(batch));
            Assert.Equal((minimum, maximum), (Bound(stats, "minValues"), Bound(stats, "maxValues")));
        }
    }

    [Theory]
    [InlineData("12345678901234567890123456789012", "12345678901234567890123456789012", "12345678901234567890123456789012")]
    [InlineData("12345678901234567890123456789012x", "12345678901234567890123456789012", "12345678901234567890123456789012\u007F")]
    [InlineData("12345678901234567890123456789012\u007F", "12345678901234567890123456789012", "12345678901234567890123456789012\U0010FFFF")]
    [InlineData("12345678901234567890123456789012ü", "12345678901234567890123456789012", "12345678901234567890123456789012\U0010FFFF")]
    [InlineData("1234567890123456789012345678901" + PlaneOne + "x", "1234567890123456789012345678901" + PlaneOne, "1234567890123456789012345678901" + PlaneOne + "\u007F")]
    [InlineData("12345678901234567890123456789012\U0010FFFFx", "12345678901234567890123456789012", "12345678901234567890123456789012\U0010FFFF\u007F")]
    public void Long_texts_are_cut_to_bounds(string text, string minimum, string maximum)
    {
        var stats = Json(Collect(Text(text)));

        Assert.Equal(minimum, stats.GetProperty("minValues").GetProperty("c").GetString());
        Assert.Equal(maximum, stats.GetProperty("maxValues").GetProperty("c").GetString());
    }

    [Fact]
    public void A_maximum_that_cannot_be_cut_is_left_out()
    {
        var stats = Json(Collect(Text(string.Concat(Enumerable.Repeat("\U0010FFFF", 70)))));

        Assert.False(stats.GetProperty("maxValues").TryGetProperty("c", out _));
        Assert.True(stats.GetProperty("minValues").TryGetProperty("c", out _));
    }

    [Fact]
    public void One_NaN_leaves_a_column_without_bounds()
    {
        var with = Json(Collect(Doubles(1, double.NaN, 2)));
        var without = Json(Collect(Doubles(-0.0, 0.0)));

        Assert.Equal("{}", with.GetProperty("minValues").GetRawText());
        Assert.Equal("{}", with.GetProperty("maxValues").GetRawText());
        Assert.Equal("""{"c":-0}""", without.GetProperty("minValues").GetRawText());
        Assert.Equal("""{"c":0}""", without.GetProperty("maxValues").GetRawText());
    }

    [Fact]
    public void Only_the_first_columns_have_statistics()
    {
        var fields = Enumerable.Range(0, 40).Select(i => new Field($"c{i}", Int64Type.Default, nullable: true)).ToList();
        var batch = new RecordBatch(new Schema(fields, null), fields.Select(_ => new Int64Array.Builder().Append(1).Build()), 1);

        Assert.Equal(32, Json(Collect(batch)).GetProperty("nullCount").EnumerateObject().Count());
        Assert.Equal(40, Json(Collect(batch, indexedColumns: -1)).GetProperty("nullCount").EnumerateObject().Count());
    }

    [Fact]
    public void Personal_columns_have_no_bounds()
    {
        var stats = Collect(TestTables.Rows(1, 2), withoutBounds: ["text"]);

        Assert.Equal("""{"numRecords":2,"minValues":{"key":1},"maxValues":{"key":2},"nullCount":{"key":0,"text":0}}""", stats);
    }

    [Fact]
    public void Slices_count_for_what_they_show()
    {
        var keys = Enumerable.Range(0, 100).Select(key => (long)key).ToArray();

        var stats = Collect(TestTables.Rows(keys).Slice(10, 20));

        Assert.Equal("""{"numRecords":20,"minValues":{"key":10,"text":"row 10"},"maxValues":{"key":29,"text":"row 29"},"nullCount":{"key":0,"text":0}}""", stats);
    }

    [Fact]
    public void Bounds_hold_for_any_values()
    {
        Check.Sample(Gen.Long.Array[1, 200], values =>
        {
            var (low, high) = (long.MaxValue, long.MinValue);
            Ranges.Widen<long>(values, ref low, ref high);
            return low == values.Min() && high == values.Max();
        });
        Check.Sample(Gen.String.Array[1, 20], values =>
        {
            // Lone surrogates cannot be in UTF-8.
            string[] texts = [.. values.Select(value => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(value)))];
            var stats = Json(Collect(Text(texts)));
            var minimum = Encoding.UTF8.GetBytes(stats.GetProperty("minValues").GetProperty("c").GetString()!);
            return texts.Select(Encoding.UTF8.GetBytes).All(text => minimum.AsSpan().SequenceCompareTo(text) <= 0
                && (!stats.GetProperty("maxValues").TryGetProperty("c", out var maximum)
                    || Encoding.UTF8.GetBytes(maximum.GetString()!).AsSpan().SequenceCompareTo(text) >= 0));
        });
    }

    [Fact]
    public void Bounds_of_short_texts_are_their_first_and_last() =>
        // Around the eight bytes that are compared at once, with the zero that stands there for nothing.
        Check.Sample(Gen.String[Gen.Char["\0ab\u007Fü"], 0, 12].Array[1, 20], texts =>
        {
            var stats = Json(Collect(Text(texts)));
            // Without surrogates the order of UTF-16 is that of UTF-8.
            return stats.GetProperty("minValues").GetProperty("c").GetString() == texts.Min(StringComparer.Ordinal)
                && stats.GetProperty("maxValues").GetProperty("c").GetString() == texts.Max(StringComparer.Ordinal);
        });

    private static string Bound(System.Text.Json.JsonElement stats, string kind) => stats.GetProperty(kind).TryGetProperty("c", out var bound) ? bound.GetRawText() : "";

    private static (string? Minimum, string? Maximum) TimeBounds(long low, long high)
    {
        var type = new TimestampType(TimeUnit.Microsecond, "UTC");
        var values = new Int64Array.Builder().Append(low).Append(high).Build();
        var array = ArrowArrayFactory.BuildArray(new ArrayData(type, 2, 0, 0, values.Data.Buffers));
        var stats = Json(Collect(One(new Field("c", type, nullable: true), array)));
        return (stats.GetProperty("minValues").GetProperty("c").GetString(), stats.GetProperty("maxValues").GetProperty("c").GetString());
    }

    private static RecordBatch Text(params string[] values) =>
        One(new Field("c", StringType.Default, nullable: true), new StringArray.Builder().AppendRange(values).Build());

    private static RecordBatch Doubles(params double[] values) =>
        One(new Field("c", DoubleType.Default, nullable: true), new DoubleArray.Builder().AppendRange(values).Build());

    private static RecordBatch One(Field field, IArrowArray array) => new(new Schema([field], null), [array], array.Length);

    private static string Collect(RecordBatch batch, int indexedColumns = 32, string[]? withoutBounds = null)
    {
        var configuration = ActionReader.NoStrings.Add(TableProperties.IndexedColumnsKey, indexedColumns.ToString(System.Globalization.CultureInfo.InvariantCulture));
        var collector = new StatisticsCollector(batch.Schema, IndexedColumns.Of(new MetadataAction("", "", [], configuration, CreatedAt: null)), withoutBounds ?? []);
        collector.Add(batch);
        return collector.ToJson();
    }

    private static System.Text.Json.JsonElement Json(string text) => System.Text.Json.JsonDocument.Parse(text).RootElement;
}
