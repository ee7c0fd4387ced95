using Apache.Arrow;
using CsCheck;
using Pipeline.Testing;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Tests.Spark;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>Records of a topic that were read again in the order in which they were: each takes the place of its earlier reading and of nothing else.</summary>
public sealed class SilverReadingSpec : IDisposable
{
    private const string Contract = "users { from = bronze/events/users, columns { user_id { type = long }, email { type = string } }, key = [user_id], rules = [ { name = named, check = \"email <> ''\" } ] }";

    private static readonly IReadOnlyList<Field> Once = Declared("_partition int", "_offset long", "_timestamp timestamp", "_order_time timestamp", "user_id long", "email string");
    private static readonly IReadOnlyList<Field> Again = Declared("_partition int", "_offset long", "_timestamp timestamp", "_order_time timestamp", "_epoch int", "_reading int", "user_id long", "email string");

    /// <summary>By partition, offset, time, key, value and what happened; of the second and third reading with its number.</summary>
    private static readonly Read[] First =
    [
        new(0, 0, 1, 1, "a", "c"), new(0, 1, 2, 2, "b", "c"), new(0, 2, 3, 3, "c", "c"), new(0, 3, 4, 1, "a later", "c"), new(0, 4, 5, 3, null, "d"),
        new(0, 5, 6, 4, "", "c"), new(0, 6, 7, 5, "e", "c"), new(1, 0, 5, 2, "b elsewhere", "c"), new(1, 1, 2, 6, "f", "c"), new(0, 7, 8, 7, "g", "c"),
    ];

    private static readonly Read[] Second =
    [
        // Key 1 has a later record, key 2 one in another partition; key 3 is gone behind them; key 4 was in quarantine.
        new(0, 0, 1, 1, "a again", "c", 1), new(0, 1, 2, 2, "b again", "c", 1), new(0, 2, 3, 3, "c again", "c", 1), new(0, 5, 6, 4, "d again", "c", 1), new(0, 6, 7, 5, "e again", "c", 1),
        // It has a row of this key now that was none of it then.
        new(0, 7, 8, 8, "g again", "c", 1),
    ];

    private static readonly Read[] Third =
    [
        new(0, 4, 5, 3, "no delete", "c", 2), new(0, 6, 7, 5, null, "d", 2), new(1, 1, 2, 6, "f again", "c", 2), new(0, 0, 1, 1, "a once more", "c", 2),
    ];

    private static readonly string[] Expected = ["1|a later|3|", "2|b elsewhere|0|", "3|no delete|4|2", "4|d again|5|1", "6|f again|1|2", "7|g|7|", "8|g again|7|1"];

    private readonly ScratchDirectory _directory = new("spark-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    /// <param name="isSpark">Through the job for Spark.</param>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_record_that_is_read_again_takes_the_place_of_its_earlier_reading_and_none_behind_it(bool isSpark)
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        var jobs = isSpark ? new JobRunner(lake.Tables, new SparkDouble(lake.Lake.Store, _directory), lake.Options, lake.Time) : lake.Jobs;
        foreach (var reads in new[] { First, Second, Third })
        {
            await AppendAsync(lake, reads);
            while (await lake.Planner.PlanAsync(lake.Graph.Tables.First(), Cancel) is { } pins) await jobs.RunAsync(await lake.Planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel), Cancel);
            if (reads == First) Assert.Equal(["4"], await lake.RowsAsync("SELECT user_id FROM silver.users__quarantine"));
        }

        Assert.Equal(Expected, await RowsAsync(lake));
        Assert.Equal(["5"], await lake.RowsAsync("SELECT user_id FROM silver.users__deleted ANTI JOIN silver.users USING (user_id)"));
        // Its record is a good row by now.
        Assert.Empty(await lake.RowsAsync("SELECT user_id FROM silver.users__quarantine"));
    }

    [Fact]
    public async Task All_readings_at_once_make_the_same_table()
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        await AppendAsync(lake, [.. Third, .. Second, .. First]);

        await lake.RunAllAsync();

        Assert.Equal(Expected, await RowsAsync(lake));
        Assert.Equal(["5"], await lake.RowsAsync("SELECT user_id FROM silver.users__deleted ANTI JOIN silver.users USING (user_id)"));
        Assert.Empty(await lake.RowsAsync("SELECT user_id FROM silver.users__quarantine"));
    }

    private static readonly Gen<Read[]> GenRecords =
        (from partition in Gen.Int[0, 1]
         from time in Gen.Int[0, 5]
         from key in Gen.Int[1, 3]
         from isDelete in Gen.Int[0, 4].Select(i => i == 0)
         select new Read(partition, 0, time, key, "", isDelete ? "d" : "c")).Array[1, 8];

    private static readonly Gen<(int Record, int Reading, bool IsDelete)[]> GenAgain =
        (from record in Gen.Int[0, 7] from reading in Gen.Int[1, 2] from isDelete in Gen.Int[0, 3].Select(i => i == 0) select (record, reading, isDelete)).Array[0, 8];

    [Fact]
    public async Task The_newest_record_wins_in_its_latest_reading_however_readings_are_cut_into_runs()
    {
        await (from records in GenRecords from again in GenAgain from order in Gen.Shuffle(Enumerable.Range(0, 16).ToArray()) from cuts in Gen.Bool.Array[16] select (records, again, order, cuts))
            .SampleAsync(async history =>
            {
                using var lake = new TestLake(TestGraph.Of(Contract));
                Read[] first = [.. history.records.Select((record, i) => record with { Offset = i, Email = $"{i} once" })];
                Read[] all =
                [
                    .. first,
                    .. history.again.Where(one => one.Record < first.Length).DistinctBy(one => (one.Record, one.Reading))
                        .Select(one => first[one.Record] with { Reading = one.Reading, Email = $"{one.Record} {one.Reading}", Op = one.IsDelete ? "d" : "c" }),
                ];
                foreach (var (i, cut) in history.order.Where(i => i < all.Length).Zip(history.cuts))
                {
                    await AppendAsync(lake, [all[i]]);
                    if (cut) await lake.RunAllAsync();
                }

                await lake.RunAllAsync();

                var expected = all.GroupBy(read => read.Key).Select(rows => rows.OrderBy(row => (row.Time, row.Partition, row.Offset, row.Reading ?? 0)).Last())
                    .Where(row => row.Op != "d").OrderBy(row => row.Key).Select(row => $"{row.Key}|{row.Email}");
                Assert.Equal(expected, await lake.RowsAsync("SELECT user_id, email FROM silver.users ORDER BY 1"));
            }, iter: 5, threads: 1);
    }

    private static async Task AppendAsync(TestLake lake, Read[] reads)
    {
        // What was read once has no column that says so.
        foreach (var rows in reads.GroupBy(read => read.Reading is not null))
            await lake.AppendAsync("bronze/events/users", rows.Key ? Again : Once,
                $"SELECT * FROM (VALUES {string.Join(", ", rows.Select(row => row.ToSql()))}) AS v(_partition, _offset, _timestamp, _order_time, {(rows.Key ? "_epoch, _reading, " : "")}user_id, email, _op, _position)");
    }

    private static Task<IReadOnlyList<string>> RowsAsync(TestLake lake) => lake.RowsAsync("SELECT user_id, email, _offset, _reading FROM silver.users ORDER BY 1");

    private static IReadOnlyList<Field> Declared(params string[] columns) => TestLake.Declared(TestLake.BronzeColumns(columns), RowOrderSpec.Roles);

    private sealed record Read(int Partition, int Offset, int Time, int Key, string? Email, string Op, int? Reading = null)
    {
        public string ToSql() => $"({Partition}, {Offset}, {At}, NULL::TIMESTAMPTZ, {(Reading is { } reading ? $"NULL::INTEGER, {reading}, " : "")}{Key}, {(Email is null ? "NULL" : $"'{Email}'")}, '{Op}', {Offset})";

        private string At => $"TIMESTAMPTZ '2026-01-01 00:00:0{Time}+00'";
    }
}
