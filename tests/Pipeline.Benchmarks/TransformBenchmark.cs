using System.Diagnostics;
using System.Globalization;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Configuration;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Delta.Storage;
using Pipeline.Testing;
using Pipeline.Transform;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Dialects;

namespace Pipeline.Benchmarks;

/// <summary>
/// A Silver and a Gold job beside the query that a person would write in DuckDB for the same rows: read Bronze, take the
/// JSON apart, keep good rows, the latest of each key, write Parquet. The job adds rules by name, quarantine, quality,
/// statistics, plan and commits.
/// </summary>
public sealed class TransformBenchmark : IBenchmark
{
    private const int Rows = 1_500_000;
    private const int Files = 6;
    private const int Rounds = 5;

    /// <summary>What a job may take, in parts of the bare query.</summary>
    private const double TimeMax = 1.10;

    private static readonly TransformOptions Options = new() { MemoryBytesMax = 256L << 20, Threads = 2, RunRowsMax = Rows, RunBytesMax = long.MaxValue };

    public string Name => "transform";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        using var directory = new ScratchDirectory("transform-benchmark-");
        var graph = Graph(directory);
        var options = Options with { TempDirectory = Path.Combine(directory, "tmp") };
        await output.WriteLineAsync($"{Files} Bronze files of JSON, {options.Threads} threads, {options.MemoryBytesMax >> 20} MiB for DuckDB");
        var silver = new Alternation("events", Rows, "bare Silver query", "Silver job");
        var gold = new Alternation("events", Rows, "bare Gold query", "Gold job");
        for (var round = 0; round <= Rounds; round++)
        {
            // A new lake each round: the first run of a table reads all of Bronze.
            var lake = new Lake(new LocalObjectStore(Path.Combine(directory, $"lake-{round}")), TimeProvider.System);
            var bronze = await FillAsync(lake, options, cancellationToken);
            await silver.RoundAsync(
                () => Usage.OfAsync(() => Task.Run(() => BareSilver(bronze, options, directory, cancellationToken))),
                () => Usage.OfAsync(() => JobAsync(lake, graph, options, "silver/events", cancellationToken)));
            var cleaned = (await lake.TryOpenAsync(TableId.Silver("events"), cancellationToken))!;
            await gold.RoundAsync(
                () => Usage.OfAsync(() => Task.Run(() => BareGold(cleaned, graph, options, directory, cancellationToken))),
                () => Usage.OfAsync(() => JobAsync(lake, graph, options, "gold/daily", cancellationToken)));
            ScratchDirectory.Delete(Path.Combine(directory, $"lake-{round}"));
        }

        await silver.PrintAsync(output);
        await gold.PrintAsync(output);
        await BacklogAsync(output, directory, graph, options, cancellationToken);
        return
        [
            Goal.AtMost($"{Name}-silver", TimeMax).Judge(silver.Time("Silver job").Median),
            Goal.AtMost($"{Name}-gold", TimeMax).Judge(gold.Time("Gold job").Median),
        ];
    }

    /// <summary>The same rows as a node takes them that was away: in runs of bounded size, with half the memory.</summary>
    private static async Task BacklogAsync(TextWriter output, string directory, TransformGraph graph, TransformOptions options, CancellationToken cancellationToken)
    {
        var bounded = options with { MemoryBytesMax = options.MemoryBytesMax / 2, RunRowsMax = new TransformOptions().RunRowsMax };
        var lake = new Lake(new LocalObjectStore(Path.Combine(directory, "lake-backlog")), TimeProvider.System);
        await FillAsync(lake, options, cancellationToken);
        using var process = Process.GetCurrentProcess();
        var before = process.WorkingSet64;
        var runs = 0;
        var usage = await Usage.OfAsync(async () =>
        {
            var started = Stopwatch.GetTimestamp();
            while (await TryJobAsync(lake, graph, bounded, "silver/events", cancellationToken)) runs++;
            return Stopwatch.GetElapsedTime(started);
        });
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"  backlog {runs} runs within {bounded.MemoryBytesMax >> 20} MiB: {usage.Elapsed.TotalSeconds:0.00} s, {Rows / usage.Elapsed.TotalSeconds:N0} rows/s, process from {before >> 20} to at most {usage.PeakBytes >> 20} MiB"));
    }

    private static TransformGraph Graph(string directory)
    {
        File.WriteAllText(Path.Combine(directory, "daily.sql"), """
            SELECT CAST(event_time AS DATE) AS event_day, event_type, product_id, CAST(COUNT(*) AS BIGINT) AS events,
              CAST(COUNT(DISTINCT user_id) AS BIGINT) AS users, CAST(SUM(amount) AS DECIMAL(18,2)) AS amount
            FROM silver.events GROUP BY 1, 2, 3
            """);
        var file = Path.Combine(directory, "benchmark.conf");
        const string text = """
            silver { events {
              from = bronze/events/events
              format = json
              columns {
                event_id { type = string }
                user_id { type = long, required = true }
                event_type { type = string, required = true }
                page_url { type = string }
                product_id { type = long }
                event_time { type = timestamp, path = "$.timestamp", required = true }
                amount { type = "decimal(12,2)" }
              }
              key = [event_id]
              rules = [ { name = amount_positive, check = "amount >= 0" }, { name = type_known, check = "event_type IN ('page_view', 'purchase', 'search')" } ]
            } }
            gold { daily { sql = "daily.sql", key = [event_day, event_type, product_id] } }
            """;
        var problems = new List<ConfigProblem>();
        var root = new SettingsReader(HoconReader.Read(file, path => path == file ? text : null, _ => null), "", problems);
        var graph = TransformGraph.Bind(root.Section("silver"), root.Section("gold"), bronzeTables: null);
        return problems.Count == 0 ? graph : throw new ConfigurationException(problems);
    }

    /// <summary>Events with two per cent of keys twice and one per mille of broken rows.</summary>
    private static async Task<DeltaTable> FillAsync(Lake lake, TransformOptions options, CancellationToken cancellationToken)
    {
        IReadOnlyList<Field> columns =
        [
            Of("_partition", "int", BronzeRole.Identifies | BronzeRole.Orders | BronzeRole.Split), Of("_offset", "long", BronzeRole.Orders | BronzeRole.Number),
            Of("_timestamp", "timestamp", BronzeRole.Identifies), Of("value", "string", BronzeRole.Document),
            BronzeColumns.OpField, BronzeColumns.PositionField, BronzeColumns.IngestedAtField,
        ];
        static Field Of(string name, string type, BronzeRole roles) => new Field(name, ColumnType.TryParse(type)!, nullable: true).As(roles);
        var bronze = await lake.OpenOrCreateAsync(TableId.Bronze("events", "events"), new Schema(columns, null), [], new Dictionary<string, string>(), cancellationToken);
        using var session = DuckDbSession.Open(DuckDbEngine.SettingsOf(options), cancellationToken);
        for (var part = 0; part < Files; part++)
        {
            var adds = await ParquetCopy.WriteAsync(session, bronze, columns, $$"""
                SELECT {{part}} AS _partition, i AS _offset, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS _timestamp, 'c' AS _op, i AS _position, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS _ingested_at,
                  CASE WHEN i % 1000 = 7 THEN '{"event_id": "' || i ELSE
                  '{"event_id":"' || md5(CAST(i - CAST(i % 50 = 0 AS INT) AS VARCHAR)) || '","user_id":' || (i % 10007) || ',"event_type":"' || CASE i % 3 WHEN 0 THEN 'page_view' WHEN 1 THEN 'search' ELSE 'purchase' END
                  || '","page_url":"https://shop.example/p/' || (i % 977) || '","product_id":' || (i % 499) || ',"timestamp":"2026-01-0' || (1 + i % 9) || 'T10:00:00Z","amount":' || (i % 1000) / 100 || '}' END AS value
                FROM range({{part * (Rows / Files)}}, {{(part + 1) * (Rows / Files)}}) AS r(i)
                """, TimeProvider.System.GetUtcNow(), cancellationToken);
            await bronze.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [.. adds] }, cancellationToken);
        }

        return bronze;
    }

    private static TimeSpan BareSilver(DeltaTable bronze, TransformOptions options, string directory, CancellationToken cancellationToken) => Bare(options, cancellationToken, $"""
        COPY (
          WITH texts AS (
            SELECT *, CASE WHEN json_valid(value) THEN json_extract_string(value, ['$.event_id', '$.user_id', '$.event_type', '$.page_url', '$.product_id', '$.timestamp', '$.amount']) END AS t
            FROM read_parquet([{FilesOf(bronze)}])),
          typed AS (
            SELECT t[1] AS event_id, parse_long(t[2]) AS user_id, t[3] AS event_type, t[4] AS page_url, parse_long(t[5]) AS product_id, parse_timestamp(t[6]) AS event_time,
              CASE WHEN is_number(t[7]) THEN TRY_CAST(t[7] AS DECIMAL(12,2)) END AS amount, _position, _partition, _offset, _ingested_at
            FROM texts)
          SELECT * FROM typed
          WHERE event_id IS NOT NULL AND user_id IS NOT NULL AND event_type IN ('page_view', 'purchase', 'search') AND event_time IS NOT NULL AND amount >= 0
          QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY _position DESC, _partition DESC, _offset DESC) = 1)
        TO {Sql.Text(Path.Combine(directory, "bare-silver.parquet"))} (FORMAT parquet, COMPRESSION snappy)
        """);

    private static TimeSpan BareGold(DeltaTable silver, TransformGraph graph, TransformOptions options, string directory, CancellationToken cancellationToken) => Bare(options, cancellationToken, $"""
        COPY ({graph.Gold[0].Gold.Sql.Replace("silver.events", $"read_parquet([{FilesOf(silver)}])", StringComparison.Ordinal)})
        TO {Sql.Text(Path.Combine(directory, "bare-gold.parquet"))} (FORMAT parquet, COMPRESSION snappy)
        """);

    private static TimeSpan Bare(TransformOptions options, CancellationToken cancellationToken, string sql)
    {
        using var session = DuckDbSession.Open(DuckDbEngine.SettingsOf(options), cancellationToken);
        var started = Stopwatch.GetTimestamp();
        session.Execute(SqlDialect.DuckDb.Render(sql));
        return Stopwatch.GetElapsedTime(started);
    }

    private static string FilesOf(DeltaTable table) => string.Join(", ", table.Current.Files.Select(file => Sql.Text(table.Store.LocalPath($"{table.Path}/{file.Path}")!)));

    private static async Task<TimeSpan> JobAsync(Lake lake, TransformGraph graph, TransformOptions options, string table, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        if (!await TryJobAsync(lake, graph, options, table, cancellationToken)) throw new InvalidOperationException($"{table} has nothing to do.");
        return Stopwatch.GetElapsedTime(started);
    }

    private static async Task<bool> TryJobAsync(Lake lake, TransformGraph graph, TransformOptions options, string table, CancellationToken cancellationToken)
    {
        var tables = new OpenTables(lake);
        var planner = new JobPlanner(tables, graph, options, TimeProvider.System);
        var engine = new JobRunner(tables, new DuckDbEngine(lake.Store, options), options, TimeProvider.System);
        if (await planner.PlanAsync(TableId.Parse(table), cancellationToken) is not { } pins) return false;
        await engine.RunAsync(await planner.ExpandAsync(pins, SqlDialect.DuckDb, cancellationToken), cancellationToken);
        return true;
    }
}
