using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Testing;
using Pipeline.Core;
using Pipeline.Configuration;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres;

namespace Pipeline.Ingest.Tests;

/// <summary>Changes of a real PostgreSQL, captured from one slot that feeds two tables, into a lake.</summary>
public sealed class CaptureIngestSpec : IAsyncLifetime
{
    private static readonly TableId Users = TableId.Bronze("app", "users");
    private static readonly TableId Orders = TableId.Bronze("app", "orders");

    private readonly ScratchDirectory _directory = new("pipeline-capture-");
    private readonly LakeOracle _oracle = new();
    private ScratchPostgres _server = null!;
    private NpgsqlDataSource _database = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(_directory), TestContext.Current.CancellationToken);
        _database = NpgsqlDataSource.Create(_server.ConnectionString);
        await ExecuteAsync("create table users (id bigint primary key, name text); create table orders (id bigint primary key, user_id bigint)");
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        await _server.DisposeAsync();
        _oracle.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Every_change_of_both_tables_arrives_once_over_crashes()
    {
        const int rounds = 3, transactions = 200;
        for (var round = 0; round < rounds; round++)
        {
            await using var source = Open();
            await using var node = await IngestNode.StartAsync(_oracle.Lake, [source]);
            // The slot keeps only what happens after it was made.
            await node.UntilAsync(_ => SlotHasBegun());
            for (var i = round * transactions; i < (round + 1) * transactions; i++)
                await ExecuteAsync($"begin; insert into users values ({i}, 'u{i}'); insert into orders values ({2 * i}, {i}), ({2 * i + 1}, {i}); update users set name = 'v{i}' where id = {i}; commit");
            await node.UntilAsync(status => status.Tables.Any(table => table.Table == Orders && table.Rows > 0));
            await node.KillAsync();
        }

        await using var lastSource = Open();
        await using var last = await IngestNode.StartAsync(_oracle.Lake, [lastSource]);
        await UntilRowsAsync(Orders, 2 * rounds * transactions);
        await UntilRowsAsync(Users, 2 * rounds * transactions);

        var users = await _oracle.ColumnAsync(Users, "_op || ':' || id || ':' || name");
        var orders = await _oracle.ColumnAsync(Orders, "_op || ':' || id || ':' || user_id");
        var all = Enumerable.Range(0, rounds * transactions).ToList();
        Assert.Equal(all.SelectMany(i => new[] { $"c:{i}:u{i}", $"u:{i}:v{i}" }).Order(StringComparer.Ordinal), users.Order(StringComparer.Ordinal));
        Assert.Equal(all.SelectMany(i => new[] { $"c:{2 * i}:{i}", $"c:{2 * i + 1}:{i}" }).Order(StringComparer.Ordinal), orders.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_column_that_was_dropped_is_not_carried_and_so_does_not_become_null()
    {
        await ExecuteAsync("alter table users add other int");
        await using var source = Open();
        await using var node = await IngestNode.StartAsync(_oracle.Lake, [source]);
        await node.UntilAsync(_ => SlotHasBegun());
        await ExecuteAsync("insert into users values (1, 'a', 1)");
        await UntilRowsAsync(Users, 1);

        await ExecuteAsync("alter table users drop name; update users set other = 2 where id = 1");
        await UntilRowsAsync(Users, 2);
        await node.KillAsync();
        await using var again = Open();
        await using var next = await IngestNode.StartAsync(_oracle.Lake, [again]);
        await ExecuteAsync("update users set other = 3 where id = 1");
        await UntilRowsAsync(Users, 3);

        Assert.Equal(["c:1:a:all", "u:2:-:id,other", "u:3:-:id,other"],
            (await _oracle.ColumnAsync(Users, "_op || ':' || other || ':' || coalesce(name, '-') || ':' || coalesce(_changed, 'all')")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_table_that_cannot_be_captured_keeps_no_other_and_joins_them_when_it_is_mended()
    {
        await ExecuteAsync("alter table orders drop constraint orders_pkey");
        await using var source = Open();
        await using var node = await IngestNode.StartAsync(_oracle.Lake, [source]);
        await node.UntilAsync(_ => SlotHasBegun());
        await ExecuteAsync("insert into users values (1, 'a'); insert into orders values (1, 1); update orders set user_id = 2");
        await UntilRowsAsync(Users, 1);
        var halted = await node.UntilAsync(status => status.Tables.Any(table => table.Table == Orders && table.State == IngestState.Halted));

        await ExecuteAsync("alter table orders add primary key (id)");
        await node.UntilAsync(status => status.Tables.Any(table => table.Table == Orders && table.State != IngestState.Halted) && IsPublished("orders"));
        await ExecuteAsync("insert into users values (2, 'b'); insert into orders values (2, 2)");
        await UntilRowsAsync(Users, 2);
        await UntilRowsAsync(Orders, 1);

        Assert.Contains("no primary key", halted.Tables.Single(table => table.Table == Orders).LastFault!.ToString(), StringComparison.Ordinal);
        Assert.Equal(["c:2"], await _oracle.ColumnAsync(Orders, "_op || ':' || id"));
    }

    private bool IsPublished(string table)
    {
        using var query = _database.CreateCommand($"select count(*) from pg_publication_tables where tablename = '{table}'");
        return (long)query.ExecuteScalar()! > 0;
    }

    private ISource Open()
    {
        var text = $$"""
            type = postgres, mode = cdc, host = {{_server.Host}}, port = {{_server.Port}}, database = {{_server.Database}}
            security { username = {{_server.User}}, password = "{{_server.Password}}", ca-file = "{{_server.CaFile}}" }
            chunk-age-max = 20ms, capture { snapshot = false }
            tables { users { table = public.users }, orders { table = public.orders } }
            """;
        var problems = new List<ConfigProblem>();
        var definition = new PostgresSourceKind().Bind("app", new SettingsReader(HoconReader.Read("app.conf", _ => text, _ => null), "", problems));
        Assert.Empty(problems);
        return definition.Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new TestOwner()));
    }

    /// <summary>A slot is listed before the server has found where it begins.</summary>
    private bool SlotHasBegun()
    {
        using var query = _database.CreateCommand("select count(*) from pg_replication_slots where confirmed_flush_lsn is not null");
        return (long)query.ExecuteScalar()! > 0;
    }

    private async Task UntilRowsAsync(TableId table, long rows)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        while ((await _oracle.Lake.TryOpenAsync(table, deadline.Token))?.Current.RowCount is not { } count || count < rows)
            await Task.Delay(50, deadline.Token);
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
