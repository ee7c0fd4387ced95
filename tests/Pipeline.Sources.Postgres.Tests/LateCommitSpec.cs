using Npgsql;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary><c>now()</c> is the start of a transaction, its rows appear at its end: none may fall behind the windows.</summary>
public sealed class LateCommitSpec(PostgresServer server) : PostgresSpec
{
    [Fact]
    public async Task A_row_committed_late_is_read_after_rows_that_are_younger()
    {
        await using var database = await CreateAsync();
        await InsertAsync(database, 0);
        await using var reading = await SourceReading.StartAsync(Options(database), from: null, Cancel);
        await reading.TakeRowsAsync(1);
        await using var late = await database.DataSource.OpenConnectionAsync(Cancel);
        await using var transaction = await late.BeginTransactionAsync(Cancel);
        // Has its time, but neither a row nor a transaction id.
        await new NpgsqlCommand("select now()", late).ExecuteScalarAsync(Cancel);

        await InsertAsync(database, 1);
        await ReadPastNowAsync(database);
        await new NpgsqlCommand("insert into items (number) values (2)", late).ExecuteNonQueryAsync(Cancel);
        await transaction.CommitAsync(Cancel);
        await reading.TakeRowsAsync(3);

        Assert.Equal([0, 2, 1], reading.Rows);
    }

    [Fact]
    public async Task A_row_prepared_for_commit_is_read_when_it_is_committed()
    {
        await using var database = await CreateAsync();
        await InsertAsync(database, 0);
        await using var reading = await SourceReading.StartAsync(Options(database), from: null, Cancel);
        await reading.TakeRowsAsync(1);
        var prepared = $"prepared in {database.Name}";
        await using (var connection = await database.DataSource.OpenConnectionAsync(Cancel))
            foreach (var sql in new[] { "begin", "insert into items (number) values (2)", $"prepare transaction '{prepared}'" })
                await new NpgsqlCommand(sql, connection).ExecuteNonQueryAsync(Cancel);

        await InsertAsync(database, 1);
        await ReadPastNowAsync(database);
        await database.ExecuteAsync($"commit prepared '{prepared}'", Cancel);
        await reading.TakeRowsAsync(3);

        Assert.Equal([0, 2, 1], reading.Rows);
    }

    [Theory]
    [InlineData("updated_at")]
    [InlineData("id")]
    public async Task Writers_that_commit_in_any_order_lose_nothing_and_repeat_nothing(string watermark)
    {
        const int Writers = 6, TransactionsEach = 8;
        await using var database = await CreateAsync();
        await using var reading = await SourceReading.StartAsync(Options(database, watermark), from: null, Cancel);
        var writing = Enumerable.Range(0, Writers).Select(async writer =>
        {
            var random = new Random(writer);
            await using var connection = await database.DataSource.OpenConnectionAsync(Cancel);
            for (var i = 0; i < TransactionsEach; i++)
            {
                var isKept = random.Next(5) > 0;
                await using var transaction = await connection.BeginTransactionAsync(Cancel);
                await new NpgsqlCommand($"""
                    select pg_sleep({random.Next(100)} / 1000.0);
                    insert into items (number) values ({(isKept ? writer * TransactionsEach + i : -1)});
                    select pg_sleep({random.Next(500)} / 1000.0);
                    """, connection).ExecuteNonQueryAsync(Cancel);
                await (isKept ? transaction.CommitAsync(Cancel) : transaction.RollbackAsync(Cancel));
            }
        }).ToList();

        // One more row, when all is written, tells that everything before it has been read.
        var last = Task.Run(async () =>
        {
            await Task.WhenAll(writing);
            await InsertAsync(database, 1_000_000);
        }, Cancel);
        while (!reading.Rows.Contains(1_000_000)) await reading.TakeChunkAsync();
        await last;

        await using var command = database.DataSource.CreateCommand("select coalesce(array_agg(number order by number), '{}') from items");
        Assert.Equal((long[])(await command.ExecuteScalarAsync(Cancel))!, reading.Rows.Order());
    }

    private static PostgresSourceOptions Options(TestDatabase database, string watermark = "updated_at") => database.Options(TestDatabase.Table("items", watermark));

    private ValueTask InsertAsync(TestDatabase database, long number) => database.ExecuteAsync($"insert into items (number) values ({number})", Cancel);

    private async ValueTask<TestDatabase> CreateAsync()
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("create table items (id bigserial not null, number bigint not null, updated_at timestamptz not null default now()); create index on items (updated_at); create index on items (id)", Cancel);
        return database;
    }

    /// <summary>Waits until the source has looked at the server several times after everything until now could be read.</summary>
    private async Task ReadPastNowAsync(TestDatabase database)
    {
        var settled = await database.ScalarAsync<DateTime>("select clock_timestamp()", Cancel) + Options(database).CommitLag;
        var last = settled;
        for (var looks = 0; looks < 20;)
        {
            var look = await database.ScalarAsync<DateTime>(
                "select max(query_start) from pg_stat_activity where application_name = 'pipeline/test/app' and datname = current_database()", Cancel);
            if (look > last) (last, looks) = (look, looks + 1);
        }
    }
}
