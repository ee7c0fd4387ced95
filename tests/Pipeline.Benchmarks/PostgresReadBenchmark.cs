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
/// A table read into Arrow, and brought into Bronze, by watermark and as the snapshot of change capture, beside psql
/// copying the same table to nowhere: a narrow table (5 columns) and a wide one (40 columns with text and jsonb), in
/// alternation.
/// </summary>
public sealed class PostgresReadBenchmark : IBenchmark
{
    private const int Rounds = 9;

    private static readonly (string Name, Func<ScratchPostgres, string, ISource> Open)[] Ways =
    [
        ("watermark", Open),
        .. new[] { 1, 2, 4 }.Select(readers => ($"snapshot, {readers} at a time", (Func<ScratchPostgres, string, ISource>)((server, table) => OpenCapture(server, table, readers)))),
    ];

    private static int _slots;

    internal static readonly (string Name, int Rows, string Columns, string Select)[] TablesToRead =
    [
        ("narrow", 2_000_000, "id bigint primary key, customer integer, amount numeric(12,2), status text, updated_at timestamptz not null",
            "i, i % 1000, (i % 100000) / 100.0, 'status ' || i % 7, timestamptz '2026-01-01' + i * interval '1 ms'"),
        ("wide", 150_000,
            string.Join(", ", Enumerable.Range(0, 13).Select(i => $"i{i} bigint{(i == 0 ? " primary key" : "")}, t{i} text, d{i} numeric(18,4)")) + ", doc jsonb, updated_at timestamptz not null",
            string.Join(", ", Enumerable.Range(0, 13).Select(i => $"i + {i}, 'some text of row ' || i, i / 7.0")) + ", jsonb_build_object('id', i, 'tags', array['a', 'b']), timestamptz '2026-01-01' + i * interval '1 ms'"),
    ];

    public string Name => "postgres";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        using var directory = new ScratchDirectory("pipeline-bench-");
        await using var server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory)
        {
            // A slot for each reading of a snapshot.
            Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["max_replication_slots"] = "200", ["max_wal_senders"] = "20" },
        }, cancellationToken);
        var shipped = $"snapshot, {Options(server).ReadersMax} at a time, committed";
        var verdicts = new List<Verdict>();
        foreach (var table in TablesToRead)
        {
            await FillAsync(server, table.Name, table.Columns, table.Select, table.Rows, cancellationToken);
            var alternation = new Alternation("rows", table.Rows, ["psql COPY", .. Ways.SelectMany(way => (string[])[$"{way.Name}, read into Arrow", $"{way.Name}, committed"])]);
            Func<Task<Usage>>[] runs =
            [
                () => CopyByPsqlAsync(server, table.Name, cancellationToken),
                .. Ways.SelectMany(way => (Func<Task<Usage>>[])
                [
                    () => Usage.OfAsync(() => ReadAsync(way.Open(server, table.Name), table.Name, table.Rows, cancellationToken)),
                    () => BronzeRun.MeasureAsync(way.Open(server, table.Name), table.Name, table.Rows, ClockStart.Reading, cancellationToken),
                ]),
            ];
            for (var round = 0; round <= Rounds; round++) await alternation.RoundAsync(runs);
            await output.WriteLineAsync($"{table.Name}:");
            await alternation.PrintAsync(output);
            verdicts.Add(Goal.AtLeast($"{Name}-snapshot-{table.Name}", 0.85).Judge(alternation.Rate(shipped).Median));
        }

        return verdicts;
    }

    internal static async Task FillAsync(ScratchPostgres server, string table, string columns, string select, int rows, CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server.ConnectionString) { CommandTimeout = 0 }.ConnectionString);
        foreach (var sql in new[]
                 {
                     $"create table {table} ({columns})", $"insert into {table} select {select} from generate_series(1, {rows}) i",
                     $"create index on {table} (updated_at)", $"vacuum analyze {table}",
                     // Without it the table would not be captured.
                     $"alter table {table} replica identity full",
                 })
        {
            await using var command = source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    private static Task<Usage> CopyByPsqlAsync(ScratchPostgres server, string table, CancellationToken cancellationToken) =>
        Usage.OfProgramAsync(Path.Combine(server.BinDirectory, "psql"), new Dictionary<string, string>(StringComparer.Ordinal) { ["PGPASSWORD"] = server.Password },
        [
            $"host={server.Host} port={server.Port} dbname={server.Database} user={server.User} sslmode=verify-full sslrootcert={server.CaFile}",
            "-c", $"copy {table} to stdout (format binary)",
        ], cancellationToken);

    private static ISource Open(ScratchPostgres server, string table) => Open(Options(server) with
    {
        Tables = [new PostgresTableOptions(table, table, "updated_at", [], TimeSpan.Zero)],
    });

    private static ISource OpenCapture(ScratchPostgres server, string table, int readers) => Open(Options(server) with
    {
        Mode = ReadMode.Cdc,
        Capture = new CaptureOptions { Slot = $"bench_{Interlocked.Increment(ref _slots)}", Publication = $"bench_{table}" },
        ReadersMax = readers,
        Tables = [new PostgresTableOptions(table, table, Watermark: "", [], TimeSpan.Zero)],
    });

    private static PostgresSourceOptions Options(ScratchPostgres server) => new()
    {
        Name = "bench",
        Host = server.Host,
        Port = server.Port,
        Database = server.Database,
        Security = new PostgresSecurityOptions { Username = server.User, Password = new Secret(server.Password), CaFile = server.CaFile },
    };

    private static ISource Open(PostgresSourceOptions options) => new PostgresSourceDefinition(options).Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new BenchmarkOwner()));

    /// <summary>From the first request to the last row: making a slot is not what is compared.</summary>
    private static async Task<TimeSpan> ReadAsync(ISource source, string table, int rows, CancellationToken cancellationToken)
    {
        await using var opened = source;
        var splits = await source.ListSplitsAsync(table, cancellationToken);
        var (started, read) = (Stopwatch.GetTimestamp(), 0);
        await foreach (var chunk in source.ReadAsync([new SplitPosition(splits[^1].Id, null)], cancellationToken))
            using (chunk)
                if ((read += chunk.RowCount) >= rows) break;
        return Stopwatch.GetElapsedTime(started);
    }
}
