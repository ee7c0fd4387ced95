using Apache.Arrow;
using CsCheck;
using Pipeline.Core;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>One Bronze table that several sources of one name have filled, one after the other, whose positions mean different things.</summary>
public sealed class SilverEpochSpec
{
    private const string Contract = "users { from = bronze/app/users, columns { user_id { type = long }, email { type = string } }, key = [user_id] }";

    private static readonly IReadOnlyList<Field> ByWatermark = Declared("user_id long", "email string");
    private static readonly IReadOnlyList<Field> Captured = Declared("user_id long", "email string", "_changed string", "_sequence long", "_epoch int");

    /// <summary>User 4 was deleted at the source before it was captured, user 2 changed by a change that leaves its value out.</summary>
    private static readonly string[] Capture =
    [
        "1, 'a@new', NULL, -1, 'r', 1000, 1",
        "2, NULL, 'user_id', 0, 'u', 1010, 1",
        "2, 'b@new', NULL, -1, 'r', 1000, 1",
        "3, 'c@new', NULL, -1, 'r', 1000, 1",
        "3, NULL, NULL, 1, 'd', 1010, 1",
        "5, 'e@new', NULL, 2, 'c', 1020, 1",
    ];

    [Theory]
    [InlineData(6, true)]
    [InlineData(6, false)]
    [InlineData(4, true)]
    [InlineData(1, false)]
    public async Task A_table_read_by_watermark_and_captured_from_then_on_is_the_table(int rowsPerRun, bool runsBetween)
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        await lake.AppendAsync("bronze/app/users", ByWatermark, """
            SELECT * FROM (VALUES (1, 'a@old', 'r', 1767225600000000), (2, 'b@old', 'r', 1767225600000001), (3, 'c@old', 'r', 1767225600000002), (4, 'd@old', 'r', 1767225600000003)) AS v(user_id, email, _op, _position)
            """);
        if (runsBetween) await lake.RunAllAsync();
        foreach (var rows in Capture.Chunk(rowsPerRun))
        {
            await lake.AppendAsync("bronze/app/users", Captured, $"SELECT * FROM (VALUES {string.Join(", ", rows.Select(row => $"({row})"))}) AS v(user_id, email, _changed, _sequence, _op, _position, _epoch)");
            if (runsBetween) await lake.RunAllAsync();
        }

        await lake.RunAllAsync();
        // Until the snapshot is finished nobody can know that user 4 is gone.
        Assert.Equal(["1|a@new|1", "2|b@new|1", "4|d@old|", "5|e@new|1"], await lake.RowsAsync("SELECT user_id, email, _epoch FROM silver.users ORDER BY 1"));

        await lake.MoveAsync("bronze/app/users", new SplitId("app", "snapshot/users/1"), new SplitHistory(1, "server", IsSnapshot: true), long.MaxValue);
        await lake.RunAllAsync();

        Assert.Equal(["1|a@new|1", "2|b@new|1", "5|e@new|1"], await lake.RowsAsync("SELECT user_id, email, _epoch FROM silver.users ORDER BY 1"));
        Assert.Equal(["10|10"], await lake.RowsAsync("SELECT SUM(rows_in), SUM(accepted - replaced - truncated) + SUM(superseded + replaced) + SUM(deleted + truncated) FROM silver._quality"));
        Assert.Equal(["1"], await lake.RowsAsync("SELECT SUM(truncated) FROM silver._quality"));
    }

    [Fact]
    public async Task A_truncate_of_an_earlier_epoch_empties_nothing_of_a_later_one()
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        await AppendAsync(lake, "1, 'a@new', NULL, 0, 'c', 10, 1");
        await lake.RunAllAsync();
        await AppendAsync(lake, "NULL, NULL, NULL, 0, 't', 5000, NULL", "2, 'late', NULL, 0, 'c', 4000, 0");
        await lake.RunAllAsync();

        Assert.Equal(["1|a@new"], await lake.RowsAsync("SELECT user_id, email FROM silver.users"));

        await AppendAsync(lake, "NULL, NULL, NULL, 0, 't', 20, 1");
        await lake.RunAllAsync();
        await AppendAsync(lake, "3, 'late', NULL, 0, 'c', 19, 1", "4, 'later still', NULL, 0, 'c', 6000, NULL", "5, 'after', NULL, 0, 'c', 21, 1");
        await lake.RunAllAsync();

        Assert.Equal(["5|after"], await lake.RowsAsync("SELECT user_id, email FROM silver.users"));
        Assert.Equal(["7|2|5|1"], await lake.RowsAsync("SELECT SUM(rows_in), SUM(accepted), SUM(deleted), SUM(truncated) FROM silver._quality"));
    }

    [Fact]
    public async Task What_a_change_leaves_out_is_not_taken_from_the_row_of_an_earlier_source()
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        await AppendAsync(lake, "1, 'of another', NULL, 0, 'c', 10, NULL");
        await lake.RunAllAsync();
        await AppendAsync(lake, "1, NULL, 'user_id', 0, 'u', 5, 1");
        await lake.RunAllAsync();
        Assert.Equal(["1||false"], await lake.RowsAsync("SELECT user_id, email, _changed IS NULL FROM silver.users"));

        await AppendAsync(lake, "1, 'its own', NULL, -1, 'r', 4, 1");
        await lake.RunAllAsync();
        Assert.Equal(["1|its own|true"], await lake.RowsAsync("SELECT user_id, email, _changed IS NULL FROM silver.users"));
    }

    private static readonly IReadOnlyList<Field> Before = Declared("_partition int", "_offset long", "_timestamp timestamp", "user_id long", "email string");
    private static readonly IReadOnlyList<Field> Topic = Declared("_partition int", "_offset long", "_timestamp timestamp", "_order_time timestamp", "_epoch int", "user_id long", "email string");

    private static readonly Gen<Record[]> GenRecords =
        (from key in Gen.Int[1, 3]
         from epoch in Gen.Int[0, 2]
         from time in Gen.Int[0, 5]
         from order in Gen.Int[0, 5].Select(i => i == 0 ? (int?)null : i)
         from partition in Gen.Int[0, 1]
         from isDelete in Gen.Int[0, 4].Select(i => i == 0)
         select new Record(key, epoch, time, epoch == 0 ? null : order, partition, 0, isDelete)).Array[1, 12];

    /// <summary>Records of a topic whose keys wander between partitions, of a topic made anew, and from before there was a time to order by.</summary>
    [Fact]
    public async Task Of_a_topic_the_newest_record_wins_however_its_records_are_cut_into_runs()
    {
        await (from records in GenRecords from order in Gen.Shuffle(Enumerable.Range(0, records.Length).ToArray()) from cuts in Gen.Bool.Array[records.Length] select (records, order, cuts))
            .SampleAsync(async history =>
            {
                using var lake = new TestLake(TestGraph.Of(Contract));
                var records = history.records.Select((record, i) => record with { Offset = i }).ToArray();
                // What an earlier release has written has none of the new columns, and came first.
                await AppendAsync(lake, records.Where(record => record.Epoch == 0));
                foreach (var (i, cut) in history.order.Zip(history.cuts))
                {
                    if (records[i].Epoch > 0) await AppendAsync(lake, [records[i]]);
                    if (cut) await lake.RunAllAsync();
                }

                await lake.RunAllAsync();

                var expected = records.GroupBy(record => record.Key).Select(rows => rows.OrderBy(row => (row.Epoch, row.Order ?? row.Time, row.Partition, row.Offset)).Last())
                    .Where(row => !row.IsDelete).OrderBy(row => row.Key).Select(row => $"{row.Key}|{row.Offset}@x");
                Assert.Equal(expected, await lake.RowsAsync("SELECT user_id, email FROM silver.users ORDER BY 1"));
            }, iter: 6, threads: 1);

        static async Task AppendAsync(TestLake lake, IEnumerable<Record> records)
        {
            var rows = records.ToList();
            if (rows.Count == 0) return;
            var isOld = rows[0].Epoch == 0;
            await lake.AppendAsync("bronze/app/users", isOld ? Before : Topic, $"SELECT * FROM (VALUES {string.Join(", ", rows.Select(row => row.ToSql(isOld)))}) AS v(_partition, _offset, _timestamp, {(isOld ? "" : "_order_time, _epoch, ")}user_id, email, _op, _position)");
        }
    }

    private static IReadOnlyList<Field> Declared(params string[] columns) => TestLake.Declared(TestLake.BronzeColumns(columns), RowOrderSpec.Roles);

    private static Task<long> AppendAsync(TestLake lake, params string[] rows) =>
        lake.AppendAsync("bronze/app/users", Captured, $"SELECT * FROM (VALUES {string.Join(", ", rows.Select(row => $"({row})"))}) AS v(user_id, email, _changed, _sequence, _op, _position, _epoch)");

    private sealed record Record(int Key, int Epoch, int Time, int? Order, int Partition, int Offset, bool IsDelete)
    {
        public string ToSql(bool isOld) => $"({Partition}, {Offset}, {At(Time)}, {(isOld ? "" : $"{(Order is { } order ? At(order) : "NULL")}, {Epoch}, ")}{Key}, '{Offset}@x', '{(IsDelete ? "d" : "c")}', {Offset})";

        private static string At(int second) => $"TIMESTAMPTZ '2026-01-01 00:00:0{second}+00'";
    }
}
