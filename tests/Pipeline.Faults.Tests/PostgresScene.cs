using System.Globalization;
using Npgsql;
using Pipeline.Emulation.Postgres;
using Pipeline.Testing;

namespace Pipeline.Faults.Tests;

/// <summary>
/// A real PostgreSQL whose tables are changed all the time, nodes of the product that capture the changes into Bronze and
/// make Silver of them, and between the two a proxy that can be cut. The books say what was committed.
/// </summary>
internal sealed class PostgresScene : IAsyncDisposable
{
    private readonly ScratchDirectory _root;
    private readonly List<PipelineProcess> _processes = [];
    private readonly int _rows;
    private readonly ScratchPostgres _server;
    private PostgresWriters? _writers;

    private PostgresScene(ScratchPostgres server, ScratchDirectory root, string? lake, int rows)
    {
        _server = server;
        _root = root;
        _rows = rows;
        Lake = lake ?? Path.Combine(root, "lake");
        Proxy = new TcpProxy(server.Port);
        Database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Timeout = 15, CommandTimeout = 300 }.ConnectionString);
    }

    /// <summary>After so long a test has failed: only a fault is waited for so long, on however slow a machine.</summary>
    public static CancellationTokenSource Deadline()
    {
        var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        return deadline;
    }

    public string Lake { get; }

    public TcpProxy Proxy { get; }

    public NpgsqlDataSource Database { get; }

    public WritersBook Book => _writers!.Book;

    /// <summary>Settings of further sources, and of Silver tables made of them.</summary>
    public (string Sources, string Silver) More { get; set; } = ("", "");

    /// <summary>How a source of the configuration reaches the server.</summary>
    public string ServerSettings => $$"""
        type = postgres, host = 127.0.0.1, port = {{Proxy.Port}}
            database = {{_server.Database}}
            security { username = {{_server.User}}, password = "{{_server.Password}}", ca-file = "{{_server.CaFile}}" }
        """;

    /// <param name="rows">What each table has before anybody captures it.</param>
    /// <param name="lake">Null: a directory of the scene's own.</param>
    /// <param name="serverEnvironment">Variables of the server's processes.</param>
    public static async Task<PostgresScene> StartAsync(CancellationToken cancellationToken, int rows = 2_000, string? lake = null, IReadOnlyDictionary<string, string>? serverEnvironment = null)
    {
        var root = new ScratchDirectory("pipeline-faults-");
        var server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(Path.Combine(root, "server"))
        {
            // What a writer was told is committed must outlive an immediate shutdown.
            Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["synchronous_commit"] = "on", ["deadlock_timeout"] = "100ms" },
            Environment = serverEnvironment ?? new Dictionary<string, string>(StringComparer.Ordinal),
        }, cancellationToken);
        var scene = new PostgresScene(server, root, lake, rows);
        await scene.ExecuteAsync($"create sequence keys start {rows + 1}; create table transactions (tx bigint primary key)", cancellationToken);
        foreach (var table in PostgresTable.All)
            await scene.ExecuteAsync($$"""
                {{table.Definition}};
                insert into {{table.Name}} select i, 0, 0, i, repeat(md5(i::text), {{table.BodyLength / 32}}), '{}', clock_timestamp() from generate_series(1, {{rows}}) i
                """, cancellationToken);
        return scene;
    }

    public PipelineProcess StartNode(string? killPoint = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var process = PipelineProcess.Start(Path.Combine(_root, $"node-{_processes.Count}"), Configuration, ["run", "--role", "ingest", "transform"], killPoint, environment);
        _processes.Add(process);
        return process;
    }

    /// <summary>The slot keeps what happens from when it is made: writers begin then, beside the snapshot.</summary>
    public async Task StartWritingAsync(CancellationToken cancellationToken, int writers = 4)
    {
        await UntilAsync(async () => (await RowsAsync("select count(*)::text from pg_replication_slots where confirmed_flush_lsn is not null", cancellationToken))[0] == "1", cancellationToken);
        _writers = new PostgresWriters(Database, writers, _rows);
    }

    public Task StopWritingAsync() => _writers!.StopAsync();

    /// <summary>As somebody who does not know whose it is: when its reader, cut off or killed, has left.</summary>
    public async Task DropSlotAsync(CancellationToken cancellationToken)
    {
        await UntilAsync(async () => (await RowsAsync("select count(*)::text from pg_replication_slots where active", cancellationToken))[0] == "0", cancellationToken);
        await ExecuteAsync("select pg_drop_replication_slot(slot_name) from pg_replication_slots", cancellationToken);
    }

    /// <summary>Waits until a node has halted the slot.</summary>
    public Task UntilHaltedAsync(PipelineProcess node, CancellationToken cancellationToken) => UntilAsync(
        () => Task.FromResult(node.Log.Contains("app/slot/pipeline_app/", StringComparison.Ordinal) && node.Log.Contains(" is halted", StringComparison.Ordinal)), cancellationToken);

    /// <summary>Waits until writers have committed so many more transactions.</summary>
    public Task UntilWrittenAsync(int transactions, CancellationToken cancellationToken)
    {
        var wanted = Book.Transactions + transactions;
        return UntilAsync(() => Task.FromResult(Book.Transactions >= wanted), cancellationToken);
    }

    /// <summary>Waits until every change that is committed by now, and the whole snapshot, is in Bronze.</summary>
    public async Task UntilCapturedAsync(CancellationToken cancellationToken)
    {
        var end = await PositionAsync(cancellationToken);
        await UntilAsync(() => Task.FromResult(PostgresTable.All.All(table => IsCaptured(table, end))), cancellationToken);
    }

    /// <summary>Waits until Silver has taken in what Bronze has by now.</summary>
    public async Task UntilRefinedAsync(CancellationToken cancellationToken)
    {
        foreach (var table in PostgresTable.All)
        {
            var version = Bronze(table).Versions - 1;
            await UntilAsync(() => Task.FromResult(Silver(table).Reflected($"bronze/app/{table.Name}") >= version), cancellationToken);
        }
    }

    public bool IsSnapshotComplete => PostgresTable.All.All(table => IsSnapshotOf(table, Bronze(table).Positions));

    public LogReplay Bronze(PostgresTable table) => LogReplay.Of(Path.Combine(Lake, "bronze", "app", table.Name));

    public LogReplay Silver(PostgresTable table) => LogReplay.Of(Path.Combine(Lake, "silver", table.Name));

    /// <summary>How far the slot has been read into a table; 0 before anything was.</summary>
    public static long SlotPosition(LogReplay bronze) => bronze.Positions.Where(pair => pair.Key.Contains("/slot/", StringComparison.Ordinal)).Select(pair => pair.Value).DefaultIfEmpty(0).Max();

    /// <summary>Where the server's log ends.</summary>
    public async Task<long> PositionAsync(CancellationToken cancellationToken) =>
        long.Parse((await RowsAsync("select (pg_current_wal_insert_lsn() - '0/0')::text", cancellationToken))[0], CultureInfo.InvariantCulture);

    public Task RestartServerAsync(CancellationToken cancellationToken) => _server.RestartAsync(cancellationToken);

    /// <summary>As <c>pg_ctl -m immediate</c>: nobody is told, nothing is written back; the next start recovers from the log.</summary>
    public async Task CrashServerAsync(CancellationToken cancellationToken)
    {
        ProcessSignals.Send(_server.ServerProcessId!.Value, ProcessSignals.Quit);
        await _server.RestartAsync(cancellationToken);
    }

    public async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Truncates tables, once: the server may choose it to end a deadlock with the writers, who lock rows in any order.</summary>
    public async Task TruncateAsync(string tables, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await ExecuteAsync($"truncate {tables}", cancellationToken);
                return;
            }
            catch (PostgresException deadlock) when (deadlock.SqlState == PostgresErrorCodes.DeadlockDetected)
            {
                // Nothing of it was done.
            }
        }
    }

    public async Task<IReadOnlyList<string>> RowsAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = Database.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<string>();
        while (await reader.ReadAsync(cancellationToken)) rows.Add(reader.GetString(0));
        return rows;
    }

    /// <summary>What the product itself has to say about the lake.</summary>
    public async Task AssertVerifiedAsync(CancellationToken cancellationToken)
    {
        await using var verify = PipelineProcess.Start(Path.Combine(_root, $"verify-{Guid.NewGuid():N}"), Configuration, ["verify"]);
        Assert.True(await verify.ExitAsync(cancellationToken) == 0, verify.Log);
    }

    public async Task UntilAsync(Func<Task<bool>> isReached, CancellationToken cancellationToken)
    {
        while (!await isReached())
        {
            if (cancellationToken.IsCancellationRequested)
                Assert.Fail($"Too late. Bronze: {string.Join("; ", PostgresTable.All.Select(table => $"{table.Name} {string.Join(", ", Bronze(table).Positions)}"))}\nNodes say:\n{string.Join("\n--\n", _processes.Select(process => process.Log))}");
            await Task.Delay(100, CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_writers is not null) await _writers.DisposeAsync();
        foreach (var process in _processes) await process.DisposeAsync();
        await Proxy.DisposeAsync();
        await Database.DisposeAsync();
        await _server.DisposeAsync();
        _root.Dispose();
    }

    private string Configuration => $$"""
        lake { location = "{{Lake}}" }
        ingest {
          file-age-max = 100ms, position-age-max = 500ms, commit-interval = 100ms, splits-interval = 1s, answer-timeout = 2s
          retry { backoff-min = 50ms, backoff-max = 1s, attempts-max = 3 }
        }
        transform {
          interval-min = 300ms, poll-interval = 500ms, temp-directory = "{{Path.Combine(_root, "tmp")}}"
          retry { backoff-min = 200ms, backoff-max = 1s }
          journal { provider = sqlite, connection = "Data Source={{Path.Combine(_root, "journal.db")}}" }
        }
        cluster { hostname = 127.0.0.1, port = 0 }
        sources {
          app {
            {{ServerSettings}}
            mode = cdc, chunk-bytes-max = 32 KiB, chunk-age-max = 20ms, connect-timeout = 2s
            capture { heartbeat-interval = 500ms }
            tables { {{string.Join(", ", PostgresTable.All.Select(table => $"{table.Name} {{ table = public.{table.Name}, key = [id] }}"))}} }
          }
          {{More.Sources}}
        }
        silver {
          {{string.Join("\n  ", PostgresTable.All.Select(table => $$"""
            {{table.Name}} {
              from = bronze/app/{{table.Name}}, key = [id]
              columns { id { type = long }, version { type = int }, tx { type = long }, amount { type = "decimal(12,2)" }, body { type = string }, extra { type = string }, changed { type = timestamp } }
            }
            """))}}
          {{More.Silver}}
        }
        """;

    private bool IsCaptured(PostgresTable table, long end)
    {
        var bronze = Bronze(table);
        return SlotPosition(bronze) >= end && IsSnapshotOf(table, bronze.Positions);
    }

    /// <summary>The newest: a truncate of a root may begin its table anew.</summary>
    private static bool IsSnapshotOf(PostgresTable table, IReadOnlyDictionary<string, long> positions) => positions
        .Where(pair => pair.Key.Contains("/snapshot/", StringComparison.Ordinal)).GroupBy(pair => pair.Key.Split('#') is [_, var epoch] ? int.Parse(epoch, CultureInfo.InvariantCulture) : 0)
        .MaxBy(epoch => epoch.Key)?.Count(pair => pair.Value == long.MaxValue) == table.Relations;
}
