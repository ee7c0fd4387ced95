using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres;

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
    private const int Rounds = 3;

    /// <summary>Changes for each row that the other benchmark reads: a change costs the server more than a row of a COPY.</summary>
    private const double ChangesPerRow = 0.5;

    private static readonly string[] Readers = ["recv", "arrow", "bronze"];

    public string Name => "postgres-cdc";

    public async Task RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("pipeline-bench-");
        try
        {
            await using var server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory.FullName)
            {
                Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["max_replication_slots"] = "40", ["max_wal_size"] = "8GB" },
            }, cancellationToken);
            foreach (var (table, rows, columns, select) in PostgresReadBenchmark.TablesToRead)
                await MeasureAsync(output, server, new Backlog(table, (int)(rows * ChangesPerRow), columns, select), cancellationToken);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task MeasureAsync(TextWriter output, ScratchPostgres server, Backlog backlog, CancellationToken cancellationToken)
    {
        var end = await FillAsync(server, backlog, cancellationToken);
        var (received, decoded, committed) = (new List<double>(), new List<Usage>(), new List<Usage>());
        // Once more than counted, for the just-in-time compiler.
        for (var round = 0; round <= Rounds; round++)
        {
            var theirs = await ReceiveAsync(server, backlog.Table, round, end, cancellationToken);
            var arrow = await Usage.OfAsync(() => ReadAsync(server, backlog, round, cancellationToken));
            var bronze = await BronzeRun.MeasureAsync(Open(server, backlog.Table, SlotOf("bronze", backlog.Table, round)), backlog.Table, backlog.Changes, ClockStart.Reading, cancellationToken);
            if (round == 0) continue;
            received.Add(theirs);
            decoded.Add(arrow);
            committed.Add(bronze);
        }

        var recvlogical = backlog.Changes / Median(received);
        await output.WriteLineAsync($"{backlog.Table}: pg_recvlogical to /dev/null {recvlogical:N0} changes/s (medians of {Rounds} alternating rounds of {backlog.Changes:N0})");
        foreach (var (name, usages) in new[] { ("read into Arrow", decoded), ("committed to Bronze", committed) })
        {
            var mine = backlog.Changes / Median([.. usages.Select(usage => usage.Elapsed.TotalSeconds)]);
            await output.WriteLineAsync($"  {name,-20} {mine:N0} changes/s, ratio {mine / recvlogical:0.00}, "
                + $"{Median([.. usages.Select(usage => usage.Processor.TotalSeconds)]):0.00} CPU-seconds, {usages.Max(usage => usage.PeakBytes) >> 20} MiB peak");
        }
    }

    /// <summary>Makes the table, a slot for each reading (each reads all changes), and the changes. Returns where they end.</summary>
    private static async Task<string> FillAsync(ScratchPostgres server, Backlog backlog, CancellationToken cancellationToken)
    {
        await using var database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server.ConnectionString) { CommandTimeout = 0 }.ConnectionString);
        await ExecuteAsync(database, $"create table {backlog.Table} ({backlog.Columns})", cancellationToken);
        for (var round = 0; round <= Rounds; round++)
            foreach (var reader in Readers)
                await using (var source = Open(server, backlog.Table, SlotOf(reader, backlog.Table, round)))
                    await source.ListSplitsAsync(backlog.Table, cancellationToken);

        for (var from = 0; from < backlog.Changes; from += RowsPerTransaction)
            await ExecuteAsync(database, $"insert into {backlog.Table} select {backlog.Select} from generate_series({from}, {Math.Min(from + RowsPerTransaction, backlog.Changes) - 1}) i", cancellationToken);
        await using var command = database.CreateCommand("select pg_current_wal_lsn()::text");
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task<double> ReceiveAsync(ScratchPostgres server, string table, int round, string end, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        using var receiver = Process.Start(new ProcessStartInfo(Path.Combine(server.BinDirectory, "pg_recvlogical"),
        [
            "-d", $"host={server.Host} port={server.Port} dbname={server.Database} user={server.User} sslmode=verify-full sslrootcert={server.CaFile}",
            "--slot", SlotOf("recv", table, round), "--start", "--no-loop", "--endpos", end, "-f", "/dev/null",
            "-o", "proto_version=1", "-o", $"publication_names={PublicationOf(table)}", "-o", "binary=true",
        ])
        {
            UseShellExecute = false,
            Environment = { ["PGPASSWORD"] = server.Password },
        })!;
        await receiver.WaitForExitAsync(cancellationToken);
        if (receiver.ExitCode != 0) throw new InvalidOperationException($"pg_recvlogical ended with {receiver.ExitCode}");
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

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
            Username = server.User,
            Password = new Secret(server.Password),
            Tls = new PostgresTls { CaFile = server.CaFile },
            Mode = ReadMode.Cdc,
            Capture = new CaptureOptions { Slot = slot, Publication = PublicationOf(table), Snapshot = false },
            Tables = [new PostgresTableOptions(table, table, Watermark: "", [], TimeSpan.Zero)],
        }).Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore()));

    private static string SlotOf(string reader, string table, int round) => $"{reader}_{table}_{round}";

    private static string PublicationOf(string table) => $"bench_{table}";

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private sealed record Backlog(string Table, int Changes, string Columns, string Select);
}
