using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>A stretch of a table that is read again.</summary>
public sealed class WatermarkPartSpec(PostgresServer server) : PostgresSpec
{
    [Theory]
    [InlineData("timestamptz", "2020-01-01T00:00:0{0}Z", "2020-01-01T00:00:03Z", "2020-01-01T00:00:06Z")]
    [InlineData("timestamp", "2020-01-01T00:00:0{0}", "2020-01-01T00:00:03", "2020-01-01T00:00:06")]
    [InlineData("bigint", "{0}", "3", "6")]
    public async Task It_has_the_rows_between_its_two_values_and_ends_there_whether_they_come_in_order_or_not(string type, string value, string from, string to)
    {
        await using var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        foreach (var index in (string[])["", "create index on items (at);"])
        {
            await database.ExecuteAsync($"drop table if exists items; create table items (number bigint not null, at {type}); {index}", Cancel);
            for (var number = 0; number < 9; number++) await database.ExecuteAsync($"insert into items values ({number}, '{string.Format(System.Globalization.CultureInfo.InvariantCulture, value, number)}')", Cancel);
            await using var source = TestDatabase.Open(database.Options(TestDatabase.Table("items", "at")));
            var listed = Assert.Single(await source.ListSplitsAsync("items", Cancel));

            var part = Assert.Single(await source.LocateAsync("items", from, to, Cancel));

            Assert.Equal(listed.Id, part.Split);
            var (reached, rows) = await ReadAsync(source, listed, part);
            Assert.Equal(part.To, reached);
            Assert.Equal([3L, 4, 5], rows);
        }
    }

    [Fact]
    public async Task It_ends_where_it_is_said_to_though_no_row_lies_there()
    {
        await using var database = await CreateAsync();
        await using var source = TestDatabase.Open(database.Options(TestDatabase.Table("items", "at")));
        var listed = Assert.Single(await source.ListSplitsAsync("items", Cancel));

        var (reached, rows) = await ReadAsync(source, listed, new SplitPart(listed.Id, 10, 1_000));

        Assert.Equal(1_000, reached);
        Assert.Empty(rows);
    }

    [Fact]
    public async Task One_that_begins_before_the_times_that_have_an_order_is_refused_and_says_how_those_rows_come()
    {
        await using var database = await CreateAsync();
        await using var source = TestDatabase.Open(database.Options(TestDatabase.Table("items", "at")));

        var refused = await Assert.ThrowsAsync<PipelineException>(async () => await source.LocateAsync("items", "1969-12-31", null, Cancel));

        Assert.Contains("'1969-12-31' is before 1970", refused.Cause, StringComparison.Ordinal);
        Assert.Contains("--full", refused.NextStep, StringComparison.Ordinal);
        Assert.Equal(0, Assert.Single(await source.LocateAsync("items", "1970-01-01", null, Cancel)).From);
    }

    [Fact]
    public async Task A_captured_table_has_none()
    {
        await using var database = await CreateAsync();
        await using var source = TestDatabase.Open(database.CaptureOptions("items"));

        var refused = await Assert.ThrowsAsync<PipelineException>(async () => await source.LocateAsync("items", "2020-01-01", null, Cancel));

        Assert.Contains("captured", refused.Cause, StringComparison.Ordinal);
        Assert.Contains("--full", refused.NextStep, StringComparison.Ordinal);
    }

    private async Task<TestDatabase> CreateAsync()
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("create table items (number bigint primary key, at timestamptz not null); insert into items values (1, now())", Cancel);
        return database;
    }

    /// <summary>Until the stretch is read.</summary>
    private async Task<(long? Reached, List<long> Rows)> ReadAsync(PostgresSource source, Split split, SplitPart part)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        await using var chunks = source.ReadAsync([new SplitPosition(split.Id, part.From) { Identity = split.Identity, End = part.To }], stop.Token).GetAsyncEnumerator(stop.Token);
        var (reached, rows) = (part.From, new List<long>());
        while (reached < part.To)
        {
            Assert.True(await chunks.MoveNextAsync());
            using var chunk = chunks.Current;
            if (chunk.Rows is { } read) rows.AddRange(((Apache.Arrow.Int64Array)read.Column("number")).Values);
            reached = chunk.Range.To;
        }

        var more = chunks.MoveNextAsync();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await more);
        return (reached, rows);
    }
}
