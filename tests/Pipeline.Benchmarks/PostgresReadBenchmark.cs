using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres;

namespace Pipeline.Benchmarks;

/// <summary>
/// A table read into Arrow, and brought into Bronze, by watermark and as the snapshot of change capture, beside psql
/// copying the same table to nowhere: a narrow table (5 columns) and a wide one (40 columns with text and jsonb), in
/// alternation.
/// </summary>
public sealed class PostgresReadBenchmark : IBenchmark
{
    private const int Rounds = 3;

    private static readonly (string Name, Func<ScratchPostgres, string, ISource> Open)[] Ways =
    [
        ("watermark", Open),
        .. new[] { 1, 2, 4 }.Select(readers => ($"snapshot, {readers} at a time", (Func<ScratchPostgres, string, ISource>)((server, table) => OpenCapture(server, table, readers)))),
    ];

    private static int _slots;

    internal static readonly (string Name, int Rows, string Columns, string Select)[] TablesToRead =
    [
        ("narrow", 2_000_000, "id bigint, customer integer, amount numeric(12,2), status text, updated_at timestamptz not null",
            "i, i % 1000, (i % 100000) / 100.0, 'status ' || i % 7, timestamptz '2026-01-01' + i * interval '1 ms'"),
        ("wide", 150_000,
            string.Join(", ", Enumerable.Range(0, 13).Select(i => $"i{i} bigint, t{i} text, d{i} numeric(18,4)")) + ", doc jsonb, updated_at timestamptz not null",
            string.Join(", ", Enumerable.Range(0, 13).Select(i => $"i + {i}, 'some text of row ' || i, i / 7.0")) + ", jsonb_build_object('id', i, 'tags', array['a', 'b']), timestamptz '2026-01-01' + i * interval '1 ms'"),
    ];

    public string Name => "postgres";

    public async Task RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("pipeline-bench-");
        try
        {
            await using var server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory.FullName)
            {
                // A slot for each reading of a snapshot.
                Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["max_replication_slots"] = "100", ["max_wal_senders"] = "20" },
            }, cancellationToken);
            foreach (var table in TablesToRead)
            {
                await FillAsync(server, table.Name, table.Columns, table.Select, table.Rows, cancellationToken);
                var copied = new List<double>();
                var read = Ways.Select(_ => new List<double>()).ToArray();
                var committed = Ways.Select(_ => new List<Usage>()).ToArray();
                // Once for the just-in-time compiler.
                foreach (var way in Ways[..2]) await BronzeRun.MeasureAsync(way.Open(server, table.Name), table.Name, table.Rows, ClockStart.Reading, cancellationToken);
                for (var round = 0; round < Rounds; round++)
                {
                    copied.Add(await CopyByPsqlAsync(server, table.Name, cancellationToken));
                    for (var way = 0; way < Ways.Length; way++)
                    {
                        read[way].Add(await ReadAsync(Ways[way].Open(server, table.Name), table.Name, table.Rows, cancellationToken));
                        committed[way].Add(await BronzeRun.MeasureAsync(Ways[way].Open(server, table.Name), table.Name, table.Rows, ClockStart.Reading, cancellationToken));
                    }
                }

                var psql = table.Rows / Median(copied);
                await output.WriteLineAsync($"{table.Name}: psql COPY to /dev/null {psql:N0} rows/s");
                for (var way = 0; way < Ways.Length; way++)
                {
                    var (arrow, bronze) = (table.Rows / Median(read[way]), table.Rows / Median([.. committed[way].Select(usage => usage.Elapsed.TotalSeconds)]));
                    await output.WriteLineAsync($"  {Ways[way].Name}:");
                    await output.WriteLineAsync($"    read into Arrow      {arrow:N0} rows/s, ratio {arrow / psql:0.00}");
                    await output.WriteLineAsync($"    committed to Bronze  {bronze:N0} rows/s, ratio {bronze / psql:0.00}, {Median([.. committed[way].Select(usage => usage.Processor.TotalSeconds)]):0.00} CPU-seconds, {committed[way].Max(usage => usage.PeakBytes) >> 20} MiB peak");
                }
            }
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task FillAsync(ScratchPostgres server, string table, string columns, string select, int rows, CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server.ConnectionString) { CommandTimeout = 0 }.ConnectionString);
        foreach (var sql in new[]
                 {
                     $"create table {table} ({columns})", $"insert into {table} select {select} from generate_series(1, {rows}) i",
                     $"create index on {table} (updated_at)", $"vacuum analyze {table}",
                 })
        {
            await using var command = source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    private static async Task<double> CopyByPsqlAsync(ScratchPostgres server, string table, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        using var psql = Process.Start(new ProcessStartInfo("sh",
        [
            "-c", "exec \"$0\" \"$@\" > /dev/null", Path.Combine(server.BinDirectory, "psql"),
            $"host={server.Host} port={server.Port} dbname={server.Database} user={server.User} sslmode=verify-full sslrootcert={server.CaFile}",
            "-c", $"copy {table} to stdout (format binary)",
        ])
        {
            UseShellExecute = false,
            Environment = { ["PGPASSWORD"] = server.Password },
        })!;
        await psql.WaitForExitAsync(cancellationToken);
        if (psql.ExitCode != 0) throw new InvalidOperationException($"psql ended with {psql.ExitCode}");
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static ISource Open(ScratchPostgres server, string table) => Open(Options(server) with
    {
        Tables = [new PostgresTableOptions(table, table, "updated_at", [], TimeSpan.Zero)],
    });

    private static ISource OpenCapture(ScratchPostgres server, string table, int readers) => Open(Options(server) with
    {
        Mode = ReadMode.Cdc,
        Capture = new CaptureOptions { Slot = $"bench_{Interlocked.Increment(ref _slots)}", Publication = $"bench_{table}", SnapshotReaders = readers },
        Tables = [new PostgresTableOptions(table, table, Watermark: "", [], TimeSpan.Zero)],
    });

    private static PostgresSourceOptions Options(ScratchPostgres server) => new()
    {
        Name = "bench",
        Host = server.Host,
        Port = server.Port,
        Database = server.Database,
        Username = server.User,
        Password = new Secret(server.Password),
        Tls = new PostgresTls { CaFile = server.CaFile },
    };

    private static ISource Open(PostgresSourceOptions options) => new PostgresSourceDefinition(options).Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore()));

    /// <summary>From the first request to the last row: making a slot is not what is compared.</summary>
    private static async Task<double> ReadAsync(ISource source, string table, int rows, CancellationToken cancellationToken)
    {
        await using var opened = source;
        var splits = await source.ListSplitsAsync(table, cancellationToken);
        var (started, read) = (Stopwatch.GetTimestamp(), 0);
        await foreach (var chunk in source.ReadAsync([new SplitPosition(splits[^1].Id, null)], cancellationToken))
            using (chunk)
                if ((read += chunk.RowCount) >= rows) break;
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
