using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres;

namespace Pipeline.Benchmarks;

/// <summary>
/// Decoding a backlog of changes into Arrow beside pg_recvlogical writing the same stream to nowhere, each from its own
/// slot, in alternation.
/// </summary>
public sealed class PostgresCaptureBenchmark : IBenchmark
{
    private const int Changes = 500_000;
    private const int RowsPerTransaction = 1_000;
    private const int Rounds = 3;

    public string Name => "postgres-cdc";

    public async Task RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("pipeline-bench-");
        try
        {
            await using var server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory.FullName)
            {
                Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["max_replication_slots"] = "20", ["max_wal_size"] = "8GB" },
            }, cancellationToken);
            await using var database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server.ConnectionString) { CommandTimeout = 0 }.ConnectionString);
            await ExecuteAsync(database, "create table narrow (id bigint primary key, customer integer, amount numeric(12,2), status text, updated_at timestamptz not null)", cancellationToken);

            // One slot a reading, all made before the changes, so that each reads all of them; one more to warm up.
            for (var round = 0; round <= Rounds; round++)
            {
                await using (var source = Open(server, round)) await source.ListSplitsAsync("narrow", cancellationToken);
                await ExecuteAsync(database, $"select pg_create_logical_replication_slot('recv_{round}', 'pgoutput')", cancellationToken);
            }

            for (var from = 0; from < Changes; from += RowsPerTransaction)
                await ExecuteAsync(database, $"insert into narrow select i, i % 1000, (i % 100000) / 100.0, 'status ' || i % 7, clock_timestamp() from generate_series({from}, {from + RowsPerTransaction - 1}) i", cancellationToken);
            await using var command = database.CreateCommand("select pg_current_wal_lsn()::text");
            var end = (string)(await command.ExecuteScalarAsync(cancellationToken))!;

            await ReadAsync(server, 0, cancellationToken);
            await ReceiveAsync(server, 0, end, cancellationToken);
            var (ours, theirs, cpu) = (new List<double>(), new List<double>(), Environment.CpuUsage.TotalTime);
            for (var round = 1; round <= Rounds; round++)
            {
                theirs.Add(await ReceiveAsync(server, round, end, cancellationToken));
                ours.Add(await ReadAsync(server, round, cancellationToken));
            }

            var (mine, recvlogical) = (Changes / Median(ours), Changes / Median(theirs));
            await output.WriteLineAsync($"changes: pipeline {mine:N0}/s, pg_recvlogical to /dev/null {recvlogical:N0}/s, ratio {mine / recvlogical:0.00}, "
                + $"{(Environment.CpuUsage.TotalTime - cpu).TotalSeconds / Rounds:0.00} CPU-seconds a reading, peak memory {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MiB");
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task<double> ReceiveAsync(ScratchPostgres server, int round, string end, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        using var receiver = Process.Start(new ProcessStartInfo(Path.Combine(server.BinDirectory, "pg_recvlogical"),
        [
            "-d", $"host={server.Host} port={server.Port} dbname={server.Database} user={server.User} sslmode=verify-full sslrootcert={server.CaFile}", "--slot", $"recv_{round}", "--start",
            "--no-loop", "--endpos", end, "-f", "/dev/null", "-o", "proto_version=1", "-o", "publication_names=bench", "-o", "binary=true",
        ])
        {
            UseShellExecute = false,
            Environment = { ["PGPASSWORD"] = server.Password },
        })!;
        await receiver.WaitForExitAsync(cancellationToken);
        if (receiver.ExitCode != 0) throw new InvalidOperationException($"pg_recvlogical ended with {receiver.ExitCode}");
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static async Task<double> ReadAsync(ScratchPostgres server, int round, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        await using var source = Open(server, round);
        var splits = await source.ListSplitsAsync("narrow", cancellationToken);
        var read = 0;
        await foreach (var chunk in source.ReadAsync([new SplitPosition(splits[0].Id, null)], cancellationToken))
            using (chunk)
                if ((read += chunk.RowCount) >= Changes) break;
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static PostgresSource Open(ScratchPostgres server, int round) => new(
        new PostgresOptions
        {
            Name = "bench",
            Host = server.Host,
            Port = server.Port,
            Database = server.Database,
            Username = server.User,
            Password = new Secret(server.Password),
            Tls = new PostgresTls { CaFile = server.CaFile },
            Mode = ReadMode.Cdc,
            Capture = new CaptureOptions { Slot = $"pipeline_{round}", Publication = "bench", Snapshot = false },
            Tables = [new PostgresTableOptions("narrow", "narrow", Watermark: "", [], TimeSpan.Zero)],
        },
        new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore()));

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
