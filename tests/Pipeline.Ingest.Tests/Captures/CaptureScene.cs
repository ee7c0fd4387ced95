using Akka.Actor;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests.Captures;

/// <summary>A real PostgreSQL, a node that captures its tables into a lake and may be killed, and the question whether the two are equal.</summary>
internal sealed class CaptureScene : IAsyncDisposable
{
    private readonly ScratchDirectory _directory;
    private ScratchPostgres _server;
    private readonly IReadOnlyList<string> _tables;
    private readonly IngestOptions _options;
    private readonly CancellationTokenSource _deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private readonly LakeOracle _oracle = new();
    private NpgsqlDataSource _database;
    private (IngestNode Node, ISource Source)? _running;
    private int _copies;
    private int _gapsTold;

    /// <summary>The server that is there has not all that one before it had, up to here; null: it has.</summary>
    private long? _mayLackUntil;

    private CaptureScene(ScratchDirectory directory, ScratchPostgres server, IReadOnlyList<string> tables, IngestOptions options)
    {
        (_directory, _server, _tables, _options) = (directory, server, tables, options);
        _database = NpgsqlDataSource.Create(server.ConnectionString);
        _deadline.CancelAfter(Deadlines.Test);
    }

    public const string Publication = "pipeline_app";

    /// <summary>Something for the server's log.</summary>
    private const string Message = "select pg_logical_emit_message(true, 'test', 'on')";

    /// <summary>More settings of tables, for nodes that start from now on.</summary>
    public Dictionary<string, string> Settings { get; } = new(StringComparer.Ordinal);

    /// <summary>What becomes of columns that are added or dropped, for nodes that start from now on.</summary>
    public string SchemaChanges { get; set; } = "evolve";

    public IngestNode Node => _running!.Value.Node;

    public CancellationToken Cancel => _deadline.Token;

    /// <param name="create">SQL that makes the tables, each with a key <c>id</c>, and columns of integers and text.</param>
    public static async Task<CaptureScene> StartAsync(string create, IReadOnlyList<string> tables, IngestOptions? options = null)
    {
        var directory = new ScratchDirectory("pipeline-capture-");
        var scene = new CaptureScene(directory, await StartServerAsync(directory, TestContext.Current.CancellationToken), tables, options ?? IngestNode.Fast);
        await scene.ExecuteAsync(create);
        return scene;
    }

    public async Task StartNodeAsync()
    {
        var source = Open();
        _running = (await IngestNode.StartAsync(_oracle.Lake, [source], _options), source);
    }

    public async Task KillNodeAsync()
    {
        if (_running is not { } running) return;
        _running = null;
        await running.Node.KillAsync();
        await running.Source.DisposeAsync();
    }

    /// <summary>As <c>pg_ctl -m immediate</c>, and a start that recovers from the log.</summary>
    public async Task CrashServerAsync()
    {
        ProcessSignals.Send(_server.ServerProcessId!.Value, ProcessSignals.Quit);
        await RestartServerAsync();
    }

    /// <summary>A backup of the server.</summary>
    /// <param name="isOfDisk">Of the disk of a server that is stopped, slots and all; or as <c>pg_basebackup</c> makes one, without slots.</param>
    /// <returns>Its directory.</returns>
    public async Task<string> BackUpServerAsync(bool isOfDisk)
    {
        var backup = Path.Combine(_directory, $"backup-{++_copies}");
        if (isOfDisk)
        {
            await _server.StopAsync(Cancel);
            await RunAsync("cp", "-a", _server.DataDirectory, backup);
            await RestartServerAsync();
            return backup;
        }

        var connection = $"host={_server.Host} port={_server.Port} user={_server.User} password={_server.Password} sslmode=require";
        await RunAsync(Path.Combine(_server.BinDirectory, "pg_basebackup"), "-D", backup, "-d", connection, "-c", "fast", "-X", "fetch", "--no-sync");
        await RunAsync("chown", "-R", $"--reference={_server.DataDirectory}", backup);
        return backup;
    }

    /// <summary>The server is lost, and a backup of it takes its place and its address.</summary>
    /// <param name="onNewTimeline">As a recovery ends, or as a disk that was put back.</param>
    public async Task PutBackAsync(string backup, bool onNewTimeline)
    {
        await LoseServerAsync();
        var copy = Path.Combine(_directory, $"copy-{++_copies}");
        await RunAsync("cp", "-a", backup, copy);
        if (onNewTimeline) await RunAsync("cp", "-a", Path.Combine(copy, "PG_VERSION"), Path.Combine(copy, "recovery.signal"));
        await TakePlaceAsync(copy);
    }

    /// <summary>A standby that follows the server.</summary>
    public async Task<ScratchPostgres> StartStandbyAsync()
    {
        var directory = Path.Combine(_directory, $"standby-{++_copies}");
        Directory.CreateDirectory(directory);
        await RunAsync("cp", "-a", Path.Combine(_directory, "password"), directory);
        Directory.Move(await BackUpServerAsync(isOfDisk: false), Path.Combine(directory, "data"));
        await RunAsync("cp", "-a", Path.Combine(directory, "data", "PG_VERSION"), Path.Combine(directory, "data", "standby.signal"));
        return await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory) { Settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["primary_conninfo"] = $"host={_server.Host} port={_server.Port} user={_server.User} password={_server.Password} sslmode=require",
        } }, Cancel);
    }

    /// <summary>Waits until a standby has all that the server has written.</summary>
    public async Task UntilReplayedAsync(ScratchPostgres standby)
    {
        var end = await EndAsync();
        await using var database = NpgsqlDataSource.Create(standby.ConnectionString);
        await using var replayed = database.CreateCommand("select coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint");
        await UntilAsync(async () => (long)(await replayed.ExecuteScalarAsync(Cancel))! >= end);
    }

    /// <summary>The server is lost, and a standby takes over, at its address.</summary>
    /// <param name="isStopped">It has followed no further for a while, and then there was no server to follow.</param>
    public async Task PromoteAsync(ScratchPostgres standby, bool isStopped)
    {
        await LoseServerAsync();
        if (isStopped) await standby.RestartAsync(Cancel);
        await using (var database = NpgsqlDataSource.Create(standby.ConnectionString))
        await using (var promote = database.CreateCommand("select pg_promote()"))
            Assert.Equal(true, await promote.ExecuteScalarAsync(Cancel));
        await standby.StopAsync(Cancel);
        await TakeCertificatesAsync(standby.DataDirectory);
        await TakePlaceAsync(standby.DataDirectory);
    }

    /// <summary>As <c>pg_upgrade</c> leaves it: a new server, with another identifier and without slots, that has the tables and their numbers.</summary>
    public async Task UpgradeServerAsync()
    {
        await _server.StopAsync(Cancel);
        var directory = Path.Combine(_directory, $"upgraded-{++_copies}");
        Directory.CreateDirectory(directory);
        await RunAsync("cp", "-a", Path.Combine(_directory, "password"), directory);
        string data;
        await using (var made = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory) { Database = "postgres" }, Cancel)) data = made.DataDirectory;

        // It lets itself in by a socket of its own.
        foreach (var cluster in new[] { _server.DataDirectory, data })
        {
            await RunAsync("cp", "-a", Path.Combine(cluster, "pg_hba.conf"), Path.Combine(cluster, "pg_hba.mine"));
            await File.WriteAllTextAsync(Path.Combine(cluster, "pg_hba.conf"), "local all all trust\n", Cancel);
        }

        var account = (await RunAsync("stat", "-c", "--reuid=%u --regid=%g --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override", data))[0].Split(' ');
        string[] upgrade = [Path.Combine(_server.BinDirectory, "pg_upgrade"), "-b", _server.BinDirectory, "-B", _server.BinDirectory, "-d", _server.DataDirectory, "-D", data, "-U", _server.User, "-o", "-c wal_level=logical"];
        await RunAsync("env", ["-C", data, .. Environment.IsPrivilegedProcess ? ["setpriv", .. account, .. upgrade] : upgrade]);
        await RunAsync("cp", "-a", Path.Combine(data, "pg_hba.mine"), Path.Combine(data, "pg_hba.conf"));
        await TakeCertificatesAsync(data);
        await TakePlaceAsync(data);
    }

    /// <summary>How often the pipeline said that the lake and the server have not the same, and somebody decided that the server is right.</summary>
    public int GapsTold => _gapsTold;

    private async Task TakeCertificatesAsync(string data)
    {
        foreach (var file in new[] { "ca.crt", "server.crt", "server.key" }) await RunAsync("cp", "-a", Path.Combine(_server.DataDirectory, file), data);
    }

    private async Task LoseServerAsync()
    {
        // Whatever the lake still commits is of before.
        _mayLackUntil = await EndAsync() + (1 << 20);
        ProcessSignals.Send(_server.ServerProcessId!.Value, ProcessSignals.Quit);
        await _server.StopAsync(Cancel);
    }

    private async Task TakePlaceAsync(string data)
    {
        Directory.Move(_server.DataDirectory, Path.Combine(_directory, $"lost-{++_copies}"));
        Directory.Move(data, _server.DataDirectory);
        await RestartServerAsync();
        await UntilAsync(async () => !await ScalarAsync<bool>("select pg_is_in_recovery()"));
    }

    private async Task RestartServerAsync()
    {
        await _server.RestartAsync(Cancel);
        await _database.DisposeAsync();
        _database = NpgsqlDataSource.Create(_server.ConnectionString);
    }

    private Task<long> EndAsync() => ScalarAsync<long>("select (pg_current_wal_insert_lsn() - '0/0')::bigint");

    private async Task<IReadOnlyList<string>> RunAsync(string program, params string[] arguments)
    {
        await using var run = OutsideProgram.TryStart(program, arguments)!;
        var (code, lines) = await run.WaitForExitAsync(Cancel);
        Assert.True(code == 0, $"{program}: {string.Join("\n", lines)}");
        return lines;
    }

    /// <summary>Another server in the place of this one, with what is made of a dump: another identifier, numbers of its own, no slot. For a node that starts later.</summary>
    public async Task ReplaceServerAsync(string dump)
    {
        await _database.DisposeAsync();
        await _server.DisposeAsync();
        _server = await StartServerAsync(Path.Combine(_directory, "another"), Cancel);
        _database = NpgsqlDataSource.Create(_server.ConnectionString);
        await ExecuteAsync(dump);
    }

    // What was done must outlive a crash.
    private static Task<ScratchPostgres> StartServerAsync(string directory, CancellationToken cancellationToken) =>
        ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory) { Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["synchronous_commit"] = "on", ["restore_command"] = "false" } }, cancellationToken);

    public async Task ExecuteAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Cancel))!;
    }

    public async Task UntilAsync(Func<Task<bool>> isReached)
    {
        while (!await isReached()) await Task.Delay(50, Cancel);
    }

    /// <summary>Waits until the lake has all that the server has by now: snapshots and changes of the tables as they are.</summary>
    /// <param name="tables">Null: all.</param>
    public async Task UntilCapturedAsync(IReadOnlyCollection<string>? tables = null)
    {
        // Where the lake stands says something only when the server's numbers are greater than those that were lost.
        while (await EndAsync() < _mayLackUntil) await ExecuteAsync($"{Message}, pg_switch_wal()");
        await using var source = Open();
        string[] all = [.. tables ?? _tables];
        while (true)
        {
            // A table that has begun anew, and is not read beside the others yet, may have to once more: each has come behind where it began.
            var epochs = await EpochsAsync(all);
            await ExecuteAsync(Message);
            await UntilCapturedAsync(source, all, await EndAsync());
            if (epochs.SequenceEqual(await EpochsAsync(all))) break;
        }

        if (tables is null) _mayLackUntil = null;
    }

    private async Task UntilCapturedAsync(ISource source, IEnumerable<string> tables, long end)
    {
        var waited = tables.ToHashSet(StringComparer.Ordinal);
        var missing = "";
        try
        {
            while (waited.FirstOrDefault() is { } table)
            {
                if (await MissingAsync(source, table, end) is not { } still)
                {
                    waited.Remove(table);
                    continue;
                }

                missing = $"{table}: {still}";
                await AcceptGapsAsync(source);
                // Each look is one at all tables.
                await Task.Delay(_options.SplitsInterval, Cancel);
            }
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"{string.Join(", ", waited)} did not come so far. {missing}. {(_running is null ? "" : string.Join("; ", (await Node.StatusAsync()).Tables.Select(table => table.ToString())))}");
        }
    }

    private async Task<IReadOnlyList<int>> EpochsAsync(IReadOnlyCollection<string> tables)
    {
        var epochs = new List<int>(tables.Count);
        foreach (var table in tables) epochs.Add((await _oracle.Lake.TryOpenAsync(TableId.Bronze("app", table), Cancel))?.Current.Histories.Newest?.Epoch ?? 0);
        return epochs;
    }

    public async Task<int> EpochOfAsync(string table) => (await _oracle.Lake.TryOpenAsync(TableId.Bronze("app", table), Cancel))!.Current.Histories.Newest!.Epoch;

    /// <summary>What the lake has of a column in a table's changes of one operation.</summary>
    public Task<IReadOnlyList<string?>> ChangesOfAsync(string table, string op, string column) => CapturedRows.ValuesAsync(_oracle, TableId.Bronze("app", table), op, column);

    /// <summary>What tells a table of the lake and that of the server apart; null: nothing.</summary>
    /// <param name="select">Of the server's table, under the names that its columns have in the lake.</param>
    public async Task<string?> DifferenceAsync(string table, string select = "*")
    {
        var server = await CapturedRows.OfServerAsync(_database, table, select, Cancel);
        var lake = await CapturedRows.OfLakeAsync(_oracle, TableId.Bronze("app", table), server.Columns);
        var (missing, wrong) = (server.Rows.Except(lake).ToList(), lake.Except(server.Rows).ToList());
        return missing.Count + wrong.Count == 0 ? null : $"{table}: the server has {string.Join("; ", missing)}, and the lake {string.Join("; ", wrong)}\n  {string.Join("\n  ", await CapturedRows.HistoryAsync(_oracle, TableId.Bronze("app", table)))}";
    }

    public async Task AssertEqualAsync()
    {
        foreach (var table in _tables) Assert.Null(await DifferenceAsync(table));
    }

    public ISource Open()
    {
        var text = $$"""
            type = postgres, mode = cdc, host = {{_server.Host}}, port = {{_server.Port}}, database = {{_server.Database}}
            security { username = {{_server.User}}, password = "{{_server.Password}}", ca-file = "{{_server.CaFile}}" }
            chunk-age-max = 20ms, capture { slot = pipeline_app, publication = {{Publication}}, heartbeat-interval = 500ms, schema-changes = {{SchemaChanges}} }
            tables { {{string.Join(", ", _tables.Select(table => $"{table} {{ table = public.{table}, key = [id], {Settings.GetValueOrDefault(table)} }}"))}} }
            """;
        var problems = new List<ConfigProblem>();
        var definition = new PostgresSourceKind().Bind("app", new SettingsReader(HoconReader.Read("app.conf", _ => text, _ => null), "", problems));
        Assert.Empty(problems);
        return definition.Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new TestOwner(hasRead: true)));
    }

    public async ValueTask DisposeAsync()
    {
        await KillNodeAsync();
        await _database.DisposeAsync();
        await _server.DisposeAsync();
        _oracle.Dispose();
        _deadline.Dispose();
        _directory.Dispose();
    }

    /// <summary>What the pipeline says that it cannot join is decided, as its advice says; where nothing was lost it says no such thing.</summary>
    private async Task AcceptGapsAsync(ISource source)
    {
        if (_running is null) return;
        var halted = (await Node.StatusAsync()).Tables.Where(table => table is { State: IngestState.Halted, LastFault.Kind: FaultKind.Gap }).ToList();
        if (halted.Count == 0) return;
        Assert.True(_mayLackUntil is not null, $"Nothing was lost, but: {halted[0].LastFault}");
        await Parallel.ForEachAsync(_tables.Select(table => TableId.Bronze("app", table)), new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = Cancel }, async (table, cancel) =>
        {
            try
            {
                var gaps = await GapAcceptance.FindAsync(_oracle.Lake, source, table, cancel);
                if (gaps.Count == 0) return;
                await GapAcceptance.AcceptAsync(_oracle.Lake, table, gaps, TimeProvider.System, cancel);
                Interlocked.Increment(ref _gapsTold);
            }
            catch (PipelineException)
            {
                // It moved meanwhile, or cannot be asked just now: looked at again.
            }
        });

        Node.Monitor.Tell(new ResumeIngest(Table: null), ActorRefs.NoSender);
    }

    /// <summary>What the lake does not have yet of a table; null: it has all.</summary>
    private async Task<string?> MissingAsync(ISource source, string table, long end)
    {
        if (await _oracle.Lake.TryOpenAsync(TableId.Bronze("app", table), Cancel) is not { } delta) return "there is no table";
        var snapshot = delta.Current;
        try
        {
            foreach (var split in await source.ListSplitsAsync(table, Cancel))
            {
                var expected = new SplitHistory(snapshot.Histories.Newest?.Epoch ?? 0, split.For(table).Identity!, split.IsSnapshot) { Form = split.IsSnapshot ? null : split.For(table).Form };
                var wanted = split.IsSnapshot ? long.MaxValue : end;
                if (snapshot.Histories.Find(split.Id) is var history && history != expected) return $"{split.Id} is of {history}, not {expected}";
                if (snapshot.Position(split.Id) is var position && !(position >= wanted)) return $"{split.Id} is at {position}, not {wanted}";
            }

            return null;
        }
        catch (PipelineException e) when (e.IsTransient)
        {
            return e.Message;
        }
    }
}
