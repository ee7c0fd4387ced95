using System.Globalization;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>Values come to the lake as an independent client reads them.</summary>
public sealed class TypesSpec(PostgresServer server) : PostgresSpec
{
    private const string CreateTable = """
        create type mood as enum ('sad', 'ok', 'happy');
        create type pair as (a integer, b text);
        create domain price as numeric(10,3) check (value > -1000000);
        create table t (
          number bigint not null, bo boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision,
          n2 numeric(18,2), n10 numeric(38,10), n0 numeric(38,0), nw numeric(5,-2), ns numeric(3,5), na numeric, pr price,
          tx text, vc varchar(30), ch char(5), da date, ts timestamp, tz timestamptz, uu uuid, js json, jb jsonb, by bytea,
          mo mood, ip inet, iv interval, ti time, ia integer[], ta text[], mn money, xm xml, ra int4range, oi oid, co pair, ca pair[], tt text[], ra2 int4range[],
          updated_at timestamptz not null default clock_timestamp());
        """;

    private static readonly string[] Columns =
        ["bo", "i2", "i4", "i8", "f4", "f8", "n2", "n10", "n0", "nw", "ns", "na", "pr", "tx", "vc", "ch", "da", "ts", "tz", "uu", "js", "jb", "by", "mo", "ip", "iv", "ti", "ia", "ta", "mn", "xm", "ra", "oi", "co", "ca", "tt", "ra2"];

    /// <summary>Types whose values the server sends as text even where binary is asked for.</summary>
    private static readonly HashSet<string> TextOnly = new(["ip", "iv", "ti", "ia", "ta", "mn", "ra", "co", "ca", "tt", "ra2"], StringComparer.Ordinal);

    public enum Way
    {
        Watermark,

        /// <summary>A table with types that travel as text makes the whole slot speak text.</summary>
        CaptureAsText,
        CaptureAsBinary,
    }

    [Theory]
    [InlineData(Way.Watermark)]
    [InlineData(Way.CaptureAsText)]
    [InlineData(Way.CaptureAsBinary)]
    public async Task Random_rows_read_as_by_a_typed_select(Way way)
    {
        await using var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync(CreateTable, Cancel);
        var columns = Columns;
        if (way == Way.CaptureAsBinary)
        {
            columns = [.. Columns.Where(column => !TextOnly.Contains(column))];
            await database.ExecuteAsync(string.Concat(TextOnly.Select(column => $"alter table t drop {column};")), Cancel);
        }

        await using var capture = way == Way.Watermark ? null : await CaptureAsync(database);
        var rows = RowGenerator.Array[150];
        var sampled = 0;

        await rows.SampleAsync(async sample =>
        {
            await database.ExecuteAsync("truncate t", Cancel);
            await InsertAsync(database, columns, sample);

            var expected = await SelectAsync(database, columns);
            var actual = capture is null ? await ReadAsync(database, columns, sample.Length) : await ReadAsync(capture.Current, columns, sample.Length);

            Assert.Equal(expected.Count, actual.Count);
            for (var row = 0; row < expected.Count; row++)
                for (var column = 0; column < columns.Length; column++)
                    if (expected[row][column] != actual[row][column])
                        Assert.Fail($"row {row}, {columns[column]}: expected {expected[row][column]}, got {actual[row][column]}");
            sampled++;
        }, iter: 3, threads: 1);

        Assert.Equal(3, sampled);
    }

    [Fact]
    public async Task Captured_values_the_lake_cannot_hold_are_null_too()
    {
        await using var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync(CreateTable, Cancel);
        var logs = new LogLines();
        await using var capture = await CaptureAsync(database, logs);

        using var measured = new Measurements("source", capture.Source.Name);
        await database.ExecuteAsync(Unrepresentable, Cancel);
        var rows = await ReadAsync(capture.Current, Columns, 4);

        AssertUnrepresentable(rows);
        Assert.Equal([3, 1, 3, 3], new[] { "da", "n2", "ts", "tz" }.Select(column => measured.Sum(Instruments.PostgresNulled, capture.Source.Name, "t", column)));
        Assert.Equal(4, logs.At(LogLevel.Warning).Count(line => line.Contains("has values that the lake's type does not hold", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Values_the_lake_cannot_hold_are_null_and_numbers_beyond_38_digits_are_text()
    {
        await using var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync(CreateTable, Cancel);
        await database.ExecuteAsync(Unrepresentable, Cancel);

        AssertUnrepresentable(await ReadAsync(database, Columns, 4));
    }

    private const string Unrepresentable = """
        insert into t (number, da, ts, tz, n2, na) values
          (1, 'infinity', 'infinity', '-infinity', 'NaN', 'NaN'),
          (2, '0044-03-15 BC', '0044-03-15 BC', '0044-03-15 BC', null, 'Infinity'),
          (3, '10000-01-01', '10000-01-01', '10000-01-01', null, '-Infinity'),
          (4, '0001-01-01', '0001-01-01', '9999-12-31 23:59:59.999999Z', null, '123456789012345678901234567890123456789012345.000100');
        """;

    private static void AssertUnrepresentable(List<string?[]> rows)
    {
        string?[] Of(string column) => [.. rows.Select(row => row[System.Array.IndexOf(Columns, column)])];
        Assert.Equal([null, null, null, "0001-01-01"], Of("da"));
        Assert.Equal([null, null, null, "0001-01-01T00:00:00.0000000+00:00"], Of("ts"));
        Assert.Equal([null, null, null, "9999-12-31T23:59:59.9999990+00:00"], Of("tz"));
        Assert.Equal([null, null, null, null], Of("n2"));
        Assert.Equal(["NaN", "Infinity", "-Infinity", "123456789012345678901234567890123456789012345.000100"], Of("na"));
    }

    [Fact]
    public async Task The_schema_says_what_the_lake_will_have()
    {
        await using var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync(CreateTable, Cancel);
        await using var source = TestDatabase.Open(database.Options(TestDatabase.Table("t", "updated_at")));

        var schema = await source.DescribeAsync("t", Cancel);

        string TypeOf(string column) => schema.GetFieldByName(column).DataType switch
        {
            Decimal128Type type => $"decimal({type.Precision},{type.Scale})",
            var type => type.Name,
        };
        Assert.Equal(["decimal(18,2)", "decimal(38,10)", "decimal(38,0)", "decimal(7,0)", "decimal(5,5)", "utf8", "decimal(10,3)"],
            new[] { "n2", "n10", "n0", "nw", "ns", "na", "pr" }.Select(TypeOf));
        Assert.Equal(["bool", "int16", "int32", "int64", "float", "double", "date32", "timestamp", "timestamp", "binary", "utf8"],
            new[] { "bo", "i2", "i4", "i8", "f4", "f8", "da", "ts", "tz", "by", "mo" }.Select(TypeOf));
    }

    private static readonly Gen<string> Texts = Gen.String[Gen.Char[' ', '~'], 0, 30];

    /// <summary>One row: a literal for each column, or null.</summary>
    private static readonly Gen<string[]> RowGenerator = Sequence(
        [
            Literal(Gen.Bool.Select(value => value ? "true" : "false")), Literal(Gen.Short), Literal(Gen.Int), Literal(Gen.Long), Literal(Gen.Float.Select(Number)), Literal(Gen.Double.Select(Number)),
            Literal(Digits(16, 2)), Literal(Digits(28, 10)), Literal(Digits(38, 0)), Literal(Digits(5, 0).Select(text => text + "00")),
            Literal(Gen.Int[-999, 999].Select(value => $"{value}e-5")), Literal(Digits(60, 30)), Literal(Digits(5, 3)),
            Literal(Texts), Literal(Texts), Literal(Gen.String[Gen.Char['a', 'z'], 0, 5]),
            Literal(Gen.Int[-719_162, 2_932_896].Select(days => DateOnly.FromDayNumber(days + 719_162).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture))),
            Literal(Instants), Literal(Instants.Select(text => text + "Z")), Literal(Gen.Guid), Literal(Json), Literal(Json),
            Literal(Gen.Byte.Array[0, 20].Select(bytes => "\\x" + Convert.ToHexString(bytes))), Literal(OneOf("sad", "ok", "happy")),
            Literal(Gen.Byte.Array[4].Select(bytes => string.Join('.', bytes))), Literal(Gen.Int.Select(seconds => $"{seconds % 50} months {seconds} seconds")),
            Literal(Gen.Int[0, 86_399].Select(seconds => TimeSpan.FromSeconds(seconds).ToString())), Literal(Gen.Int.Array[0, 5].Select(values => "{" + string.Join(',', values) + "}")),
            Literal(OneOf("{}", "{a,b}", "{NULL,\"x y\"}", "{{a,b},{c,d}}")), Literal(Digits(10, 2)), Literal(OneOf("<a/>", "<b>text</b>")),
            Literal(Gen.Int[0, 1000].Select(from => $"[{from},{from + 5})")), Literal(Gen.UInt),
            Literal(Pairs), Literal(Arrays(Pairs)), Literal(Gen.Int[0, 1].SelectMany(depth => depth == 0 ? Arrays(Texts) : Gen.Select(Texts, Texts, (a, b) => $"{{{{{Quoted(a)},NULL}},{{{Quoted(b)},{Quoted(a)}}}}}"))),
            Literal(Arrays(Gen.Int[0, 9].Select(from => from == 0 ? "empty" : $"[{from},{from + 5})"))),
        ]);

    /// <summary>Rows with parts that are null, empty, or have the characters that separate and quote parts.</summary>
    private static Gen<string> Pairs => Gen.Select(Gen.Int[-5, 5], Texts, Gen.Int[0, 3], (number, text, nulls) =>
        $"({((nulls & 1) == 0 ? number.ToString(CultureInfo.InvariantCulture) : "")},{((nulls & 2) == 0 ? Quoted(text) : "")})");

    private static Gen<string> Arrays(Gen<string> elements) => Gen.Frequency((1, Gen.Const("NULL")), (4, elements.Select(Quoted))).Array[0, 4].Select(parts => "{" + string.Join(',', parts) + "}");

    private static string Quoted(string part) => "\"" + part.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";

    private static Gen<string> Json => Gen.Int[-1000, 1000].Select(Texts, (number, text) => $$"""{"n": {{number}}, "t": {{System.Text.Json.JsonSerializer.Serialize(text)}}}""");

    private static Gen<string> Instants =>
        Gen.Long[0, DateTime.MaxValue.Ticks / 10].Select(micros => new DateTime(micros * 10).ToString("yyyy-MM-ddTHH:mm:ss.ffffff", CultureInfo.InvariantCulture));

    private static Gen<string[]> Sequence(Gen<string>[] values) =>
        values.Aggregate(Gen.Const(System.Array.Empty<string>()), (before, next) => before.Select(next, (row, value) => (string[])[.. row, value]));

    private static Gen<string> OneOf(params string[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static Gen<string> Literal<T>(Gen<T> values) =>
        Gen.Frequency((1, Gen.Const("null")), (9, values.Select(value => $"'{string.Create(CultureInfo.InvariantCulture, $"{value}").Replace("'", "''", StringComparison.Ordinal)}'")));

    /// <summary>A number of up to so many digits before and after the point.</summary>
    private static Gen<string> Digits(int whole, int fraction) =>
        Gen.String[Gen.Char['0', '9'], 1, whole].Select(Gen.String[Gen.Char['0', '9'], 0, fraction], Gen.Bool,
            (before, after, isNegative) => $"{(isNegative ? "-" : "")}{before}{(after.Length > 0 ? "." : "")}{after}");

    private static string Number(float value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private async Task InsertAsync(TestDatabase database, string[] columns, string[][] rows)
    {
        var sql = new StringBuilder("insert into t (number, ").AppendJoin(", ", columns).Append(") values ");
        sql.AppendJoin(", ", rows.Select((row, number) => $"({number}, {string.Join(", ", columns.Select(column => row[System.Array.IndexOf(Columns, column)]))})"));
        await database.ExecuteAsync(sql.ToString(), Cancel);
    }

    /// <summary>Decimals and types that travel as the server's text are compared as that text.</summary>
    private async Task<List<string?[]>> SelectAsync(TestDatabase database, string[] columns)
    {
        var asText = new HashSet<string>(["n2", "n10", "n0", "nw", "ns", "na", "pr", "uu", "js", "jb", "mo", "ti", "mn", "xm", "ra", "co"], StringComparer.Ordinal);
        var asJson = new HashSet<string>(["ia", "ta", "tt"], StringComparer.Ordinal);
        await using var command = database.DataSource.CreateCommand(
            $"set intervalstyle = iso_8601; select {string.Join(", ", columns.Select(column => asText.Contains(column) || column == "iv" ? $"{column}::text" : column == "ip" ? "host(ip)" : asJson.Contains(column) ? $"to_json({column})::text" : column is "ca" or "ra2" ? $"to_json({column}::text[])::text" : column))} from t order by number");
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        var rows = new List<string?[]>();
        while (await reader.ReadAsync(Cancel))
        {
            var row = new string?[columns.Length];
            for (var i = 0; i < row.Length; i++)
                row[i] = reader.IsDBNull(i) ? null : columns[i] switch
                {
                    "ts" => new DateTimeOffset(DateTime.SpecifyKind(reader.GetDateTime(i), DateTimeKind.Utc)).ToString("O"),
                    "tz" => new DateTimeOffset(reader.GetDateTime(i)).ToString("O"),
                    "da" => reader.GetFieldValue<DateOnly>(i).ToString("O"),
                    "by" => Convert.ToHexString(reader.GetFieldValue<byte[]>(i)),
                    _ => string.Create(CultureInfo.InvariantCulture, $"{reader.GetValue(i)}"),
                };
            rows.Add(row);
        }

        return rows;
    }

    private async Task<List<string?[]>> ReadAsync(TestDatabase database, string[] columns, int count)
    {
        await using var source = TestDatabase.Open(database.Options(TestDatabase.Table("t", "updated_at")));
        var splits = await source.ListSplitsAsync("t", Cancel);
        await using var chunks = source.ReadAsync([new SplitPosition(splits[0].Id, null)], Cancel).GetAsyncEnumerator(Cancel);
        return await ReadAsync(chunks, columns, count);
    }

    /// <summary>The next rows, in the order of their numbers; events without a row are passed over.</summary>
    private static async Task<List<string?[]>> ReadAsync(IAsyncEnumerator<Chunk> chunks, string[] columns, int count)
    {
        var rows = new SortedDictionary<long, string?[]>();
        while (rows.Count < count)
        {
            Assert.True(await chunks.MoveNextAsync());
            using var chunk = chunks.Current;
            for (var row = 0; row < chunk.RowCount; row++)
                if (((Int64Array)chunk.Rows!.Column("number")).GetValue(row) is { } number)
                    rows.Add(number, [.. columns.Select(column => ArrowText.Of(chunk.Rows.Column(column), row))]);
        }

        return [.. rows.Values];
    }

    private async Task<Capture> CaptureAsync(TestDatabase database, LogLines? logs = null)
    {
        await database.ExecuteAsync("alter table t add primary key (number)", Cancel);
        var source = TestDatabase.Open(database.CaptureOptions("t") with { Name = database.Name }, logs);
        var splits = await source.ListSplitsAsync("t", Cancel);
        return new Capture(source, source.ReadAsync([new SplitPosition(splits[0].Id, null)], Cancel).GetAsyncEnumerator(Cancel));
    }

    private sealed record Capture(PostgresSource Source, IAsyncEnumerator<Chunk> Current) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Current.DisposeAsync();
            await Source.DisposeAsync();
        }
    }
}
