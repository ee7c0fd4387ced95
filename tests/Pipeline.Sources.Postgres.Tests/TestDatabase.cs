using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>A database of one test: transactions of other tests do not hold its windows back.</summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    /// <summary>Everything a source could leave: each line one thing of this database.</summary>
    private const string Catalog = """
        select coalesce(string_agg(line, e'\n' order by line), '') from (
          select 'slot ' || slot_name as line from pg_replication_slots where database = current_database()
          union all select 'publication ' || pubname || ' ' || coalesce((select string_agg(tablename, ',' order by tablename) from pg_publication_tables t where t.pubname = p.pubname), '') from pg_publication p
          union all select 'comment ' || classoid || ' ' || objoid || ' ' || description from pg_description where objoid >= 16384
          union all select 'relation ' || oid::regclass || ' ' || relkind::text || ' ' || relreplident::text || ' ' || coalesce(relacl::text, '') from pg_class where relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')
          union all select 'function ' || oid::regprocedure from pg_proc where pronamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
          union all select 'trigger ' || tgname from pg_trigger where not tgisinternal
          union all select 'event trigger ' || evtname from pg_event_trigger
          union all select 'schema ' || nspname from pg_namespace where nspname !~ '^pg_(toast_)?temp'
          union all select 'extension ' || extname from pg_extension
          union all select 'setting ' || s::text from pg_db_role_setting s where setdatabase = (select oid from pg_database where datname = current_database())
        ) lines
        """;

    private static int _count;

    private readonly ScratchPostgres _server;

    private TestDatabase(ScratchPostgres server, string name)
    {
        _server = server;
        Name = name;
        DataSource = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = name, ApplicationName = "test" }.ConnectionString);
    }

    public string Name { get; }

    /// <summary>Connections of a superuser who is not the source.</summary>
    public NpgsqlDataSource DataSource { get; }

    public static async ValueTask<TestDatabase> CreateAsync(ScratchPostgres server, CancellationToken cancellationToken)
    {
        var name = $"test_{Interlocked.Increment(ref _count)}";
        await using var admin = NpgsqlDataSource.Create(server.ConnectionString);
        await using var create = admin.CreateCommand($"create database {name}");
        await create.ExecuteNonQueryAsync(cancellationToken);
        return new TestDatabase(server, name);
    }

    public async ValueTask ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async ValueTask<T> ScalarAsync<T>(string sql, CancellationToken cancellationToken)
    {
        await using var command = DataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Everything that a source could leave in this database, and roles.</summary>
    public async ValueTask<string> CatalogAsync(CancellationToken cancellationToken) =>
        await ScalarAsync<string>("select coalesce(string_agg('role ' || r::text, e'\\n' order by rolname), '') from pg_roles r where rolname !~ '_test_|^certificate_users'", cancellationToken)
        + await ScalarAsync<string>(Catalog, cancellationToken);

    /// <summary>Options for the database with short pauses and small chunks.</summary>
    public PostgresSourceOptions Options(params PostgresTableOptions[] tables) => new()
    {
        Name = "app",
        Host = _server.Host,
        Port = _server.Port,
        Database = Name,
        Security = new PostgresSecurityOptions { Username = _server.User, Password = new Secret(_server.Password), CaFile = _server.CaFile },
        PollInterval = TimeSpan.FromMilliseconds(20),
        CommitLag = TimeSpan.FromMilliseconds(250),
        ChunkBytesMax = 4 << 10,
        ConnectTimeout = TimeSpan.FromSeconds(30),
        Tables = tables,
    };

    /// <summary>Options for change capture with a slot of this database's own.</summary>
    public PostgresSourceOptions CaptureOptions(params string[] tables) =>
        Options([.. tables.Select(table => new PostgresTableOptions(table, $"public.{table}", Watermark: "", [], TimeSpan.Zero))]) with
        {
            Mode = ReadMode.Cdc,
            Capture = new CaptureOptions { Slot = $"slot_{Name}", Publication = $"publication_{Name}", Snapshot = false },
            ChunkAgeMax = TimeSpan.FromMilliseconds(20),
        };

    public static PostgresTableOptions Table(string name, string watermark) => new(name, $"public.{name}", watermark, [], TimeSpan.Zero);

    public static PostgresSource Open(PostgresSourceOptions options, LogLines? logs = null, ISourceOwner? owner = null, WaitWatch? waits = null, TimeProvider? time = null) =>
        new(new PostgresSourceDefinition(options), new SourceServices(time ?? TimeProvider.System, (ILoggerFactory?)logs ?? NullLoggerFactory.Instance, new LocalSecretStore(), owner ?? new TestOwner())
        {
            Waits = waits ?? WaitWatch.Silent(TimeProvider.System),
        });

    public async ValueTask DisposeAsync()
    {
        using (var deadline = new CancellationTokenSource(Deadlines.Test)) await DropSlotsAsync(deadline.Token);
        await DataSource.DisposeAsync();
        await using var admin = NpgsqlDataSource.Create(_server.ConnectionString);
        await using var drop = admin.CreateCommand($"drop database {Name} with (force)");
        await drop.ExecuteNonQueryAsync();
    }

    /// <summary>As somebody who does not care whose they are: cuts off who reads them, and drops them when he has left.</summary>
    public async ValueTask DropSlotsAsync(CancellationToken cancellationToken)
    {
        while (await ScalarAsync<long>("select count(*) from pg_replication_slots where database = current_database()", cancellationToken) > 0)
            await ExecuteAsync("""
                select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database() and active;
                select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database() and not active;
                """, cancellationToken);
    }

    /// <summary>Waits until nobody reads a slot of this database: the server notices a moment later that a reader has left.</summary>
    public async ValueTask UntilSlotsAreLeftAsync(CancellationToken cancellationToken)
    {
        while (await ScalarAsync<long>("select count(*) from pg_replication_slots where database = current_database() and active", cancellationToken) > 0)
            await Task.Delay(20, cancellationToken);
    }
}
