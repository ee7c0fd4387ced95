using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Benchmarks;

/// <summary>
/// A backlog of changes decoded into Arrow, and brought into Bronze, beside pg_recvlogical writing the same stream to
/// nowhere: the tables of <see cref="PostgresReadBenchmark"/>, in alternation.
/// </summary>
/// <remarks>
/// All ask the server for the same: pgoutput, protocol 1, binary values, one publication, over TLS, each from a slot of its
/// own that was made before the changes. The server decodes WAL and encrypts in a process of its own, which shares the two
/// cores with the reader: what a reader saves makes the server faster too, for either side. Clocks start before connecting.
/// pg_recvlogical's stops when its process has ended, ours when the last row is in the table's log.
/// </remarks>
public sealed class PostgresCaptureBenchmark : IBenchmark
{
    private const int RowsPerTransaction = 1_000;
    private const int Rounds = 5;

    /// <summary>Changes for each row that the other benchmark reads: a change costs the server more than a row of a COPY.</summary>
    private const double ChangesPerRow = 0.5;

    private static readonly string[] Readers = ["recv", "arrow", "bronze"];

    public string Name => "postgres-cdc";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        using var directory = new ScratchDirectory("pipeline-bench-");
        await using var server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory)
        {
            Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["max_replication_slots"] = "40", ["max_wal_size"] = "8GB" },
        }, cancellationToken);
        var verdicts = new List<Verdict>();
        foreach (var (table, rows, columns, select) in PostgresReadBenchmark.TablesToRead)
        {
            var ratio = await MeasureAsync(output, server, new Backlog(table, (int)(rows * ChangesPerRow), columns, select), cancellationToken);
            verdicts.Add(Goal.AtLeast($"{Name}-{table}", 0.90).Judge(ratio));
        }

        return verdicts;
    }

    /// <returns>Changes committed to Bronze in parts of those received.</returns>
    private static async Task<double> MeasureAsync(TextWriter output, ScratchPostgres server, Backlog backlog, CancellationToken cancellationToken)
    {
        var end = await FillAsync(server, backlog, cancellationToken);
        var alternation = new Alternation("changes", backlog.Changes, "pg_recvlogical", "read into Arrow", "committed");
        for (var round = 0; round <= Rounds; round++)
        {
            var number = round;
            await alternation.RoundAsync(
                () => ReceiveAsync(server, backlog.Table, number, end, cancellationToken),
                () => Usage.OfAsync(() => ReadAsync(server, backlog, number, cancellationToken)),
                () => BronzeRun.MeasureAsync(Open(server, backlog.Table, SlotOf("bronze", backlog.Table, number)), backlog.Table, backlog.Changes, ClockStart.Reading, cancellationToken));
        }

        await output.WriteLineAsync($"{backlog.Table}:");
        await alternation.PrintAsync(output);
        return alternation.Rate("committed").Median;
    }

    /// <summary>Makes the table, a slot for each reading (each reads all changes), and the changes. Returns where they end.</summary>
    private static async Task<string> FillAsync(ScratchPostgres server, Backlog backlog, CancellationToken cancellationToken)
    {
        await using var database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server.ConnectionString) { CommandTimeout = 0 }.ConnectionString);
        await ExecuteAsync(database, $"create table {backlog.Table} ({backlog.Columns}); alter table {backlog.Table} replica identity full", cancellationToken);
        for (var round = 0; round <= Rounds; round++)
            foreach (var reader in Readers)
                await using (var source = Open(server, backlog.Table, SlotOf(reader, backlog.Table, round)))
                    await source.ListSplitsAsync(backlog.Table, cancellationToken);

        for (var from = 0; from < backlog.Changes; from += RowsPerTransaction)
            await ExecuteAsync(database, $"insert into {backlog.Table} select {backlog.Select} from generate_series({from}, {Math.Min(from + RowsPerTransaction, backlog.Changes) - 1}) i", cancellationToken);
        await using var command = database.CreateCommand("select pg_current_wal_lsn()::text");
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static Task<Usage> ReceiveAsync(ScratchPostgres server, string table, int round, string end, CancellationToken cancellationToken) =>
        Usage.OfProgramAsync(Path.Combine(server.BinDirectory, "pg_recvlogical"), new Dictionary<string, string>(StringComparer.Ordinal) { ["PGPASSWORD"] = server.Password },
        [
            "-d", $"host={server.Host} port={server.Port} dbname={server.Database} user={server.User} sslmode=verify-full sslrootcert={server.CaFile}",
            "--slot", SlotOf("recv", table, round), "--start", "--no-loop", "--endpos", end, "-f", "/dev/null",
            "-o", "proto_version=1", "-o", $"publication_names={PublicationOf(table)}", "-o", "binary=true",
        ], cancellationToken);

    private static async Task<TimeSpan> ReadAsync(ScratchPostgres server, Backlog backlog, int round, CancellationToken cancellationToken)
    {
        await using var source = Open(server, backlog.Table, SlotOf("arrow", backlog.Table, round));
        var splits = await source.ListSplitsAsync(backlog.Table, cancellationToken);
        var started = Stopwatch.GetTimestamp();
        var read = 0;
        await foreach (var chunk in source.ReadAsync([new SplitPosition(splits[0].Id, null)], cancellationToken))
            using (chunk)
                if ((read += chunk.RowCount) >= backlog.Changes) break;
        return Stopwatch.GetElapsedTime(started);
    }

    private static ISource Open(ScratchPostgres server, string table, string slot) => new PostgresSourceDefinition(
        new PostgresSourceOptions
        {
            Name = "bench",
            Host = server.Host,
            Port = server.Port,
            Database = server.Database,
            Security = new PostgresSecurityOptions { Username = server.User, Password = new Secret(server.Password), CaFile = server.CaFile },
            Mode = ReadMode.Cdc,
            Capture = new CaptureOptions { Slot = slot, Publication = PublicationOf(table), Snapshot = false },
            Tables = [new PostgresTableOptions(table, table, Watermark: "", [], TimeSpan.Zero)],
        }).Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new BenchmarkOwner()));

    private static string SlotOf(string reader, string table, int round) => $"{reader}_{table}_{round}";

    private static string PublicationOf(string table) => $"bench_{table}";

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private sealed record Backlog(string Table, int Changes, string Columns, string Select);
}
