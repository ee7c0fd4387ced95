using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres.Tests;
using Pipeline.Testing;

[assembly: AssemblyFixture(typeof(PostgresServer))]

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>One server for all tests of the assembly; each test takes a database of its own.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private ScratchDirectory? _directory;
    private ScratchPostgres? _scratch;

    public ScratchPostgres Scratch => _scratch ?? throw new InvalidOperationException("The server has not been started.");

    public async ValueTask InitializeAsync()
    {
        // The process of this test brings its own server, and is killed.
        if (ScratchPostgresOwner.IsThisProcess) return;
        _directory = new ScratchDirectory("pipeline-postgres-");
        _scratch = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(_directory)
        {
            Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["max_replication_slots"] = "40", ["max_wal_senders"] = "40", ["max_connections"] = "200" },
        }, TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_scratch is not null) await _scratch.DisposeAsync();
        _directory?.Dispose();
    }
}
