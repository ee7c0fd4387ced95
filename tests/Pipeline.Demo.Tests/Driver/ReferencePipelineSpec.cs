using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Testing;
using Pipeline.Core;
using Pipeline.Configuration;
using Pipeline.Delta;
using Pipeline.Demo.Tests.Data;
using Pipeline.DuckDb;
using Pipeline.Delta.Storage;
using Pipeline.Demo.Data;
using Pipeline.Demo.Driver;
using Pipeline.Sources.Kafka;
using Pipeline.Sources.Postgres;
using Pipeline.Sources.Snowflake;
using Pipeline.Transform;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;

namespace Pipeline.Demo.Tests.Driver;

/// <summary>The configuration in <c>hocon/</c>, the real readers and the real transforms against the generator's expectation.</summary>
public sealed class ReferencePipelineSpec : IDisposable
{
    private static readonly ISourceKind[] Kinds = [new KafkaSourceKind(), new PostgresSourceKind(), new SnowflakeSourceKind()];
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly ScratchDirectory _directory = new("reference-");
    private readonly List<ConfigProblem> _problems = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Brings_all_eleven_tables_from_the_sources_to_gold_balanced_to_the_row()
    {
        var lake = new Lake(new LocalObjectStore(Path.Combine(_directory, "lake")), TimeProvider.System);
        var ingest = new PlainIngest(lake, TimeProvider.System);
        await using var driver = await DemoDriver.StartAsync(
            new DemoOptions(Path.Combine(_directory, "demo")) { RowsPerSecond = 400, Ticks = 9, TickInterval = TimeSpan.Zero }, ingest, TimeProvider.System, Cancel);
        var settings = ReferenceConfiguration.Pipeline(driver.Sources.Environment, _problems);
        var sources = settings.Section("sources").Children().Select(Open).ToList();
        var graph = TransformGraph.Bind(settings.Section("silver"), settings.Section("gold"), [.. sources.SelectMany(source => source.Tables.Select(table => TableId.Bronze(source.Name, table.Name)))]);
        Assert.Empty(_problems);

        using var reading = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var readers = sources.SelectMany(source => source.Tables.Select(table => ingest.RunAsync(source, table.Name, reading.Token))).ToList();
        var filling = driver.RunAsync(Cancel);
        // Silver and Gold are made again and again of what has come so far: parents late, versions one after the other.
        while (!filling.IsCompleted)
        {
            await RunAllJobsAsync(lake, graph);
            // A reader that fails ends the test at once; a reader never ends by itself.
            foreach (var reader in readers.Where(reader => reader.IsCompleted)) await reader;
        }

        var expectation = await filling;
        foreach (var table in expectation.Tables)
            await new ReaderGate(ingest, TimeProvider.System, Deadline).WaitForRowsAsync(TableId.Bronze(table.Source, table.Table), table.Bronze, Cancel);
        await reading.CancelAsync();
        foreach (var reader in readers) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reader);
        foreach (var source in sources) await source.DisposeAsync();
        await RunAllJobsAsync(lake, graph);

        Assert.Empty(await DifferencesAsync(lake, expectation));
    }

    public void Dispose() => _directory.Dispose();

    private static ISource Open((string Name, SettingsReader Settings) source)
    {
        var kind = Kinds.Single(kind => kind.Kind == source.Settings.String("type"));
        return kind.Bind(source.Name, source.Settings).Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new TestOwner()));
    }

    private async Task RunAllJobsAsync(Lake lake, TransformGraph graph)
    {
        var options = new TransformOptions { TempDirectory = Path.Combine(_directory, "tmp"), MaskKey = new Secret("a key of thirty-two letters or more") };
        var tables = new OpenTables(lake);
        var planner = new JobPlanner(tables, graph, options, TimeProvider.System);
        var engine = new JobRunner(tables, new DuckDbEngine(tables.Lake.Store, options), options, TimeProvider.System);
        for (var hasRun = true; hasRun;)
        {
            hasRun = false;
            foreach (var table in graph.Tables)
            {
                if (await planner.PlanAsync(table, Cancel) is not { } pins) continue;
                await engine.RunAsync(await planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel), Cancel);
                hasRun = true;
            }
        }
    }

    private async Task<IReadOnlyList<string>> DifferencesAsync(Lake lake, Expectation expectation)
    {
        using var session = DuckDbSession.Open(new DuckDbSettings(256L << 20, 2, Path.Combine(_directory, "tmp")), Cancel);
        var differences = new List<string>();
        foreach (var table in expectation.Tables)
        {
            await CompareAsync(TableId.Bronze(table.Source, table.Table), "count(*)", table.Bronze);
            await CompareAsync(TableId.Silver(table.Table), "count(*)", table.Silver);
            await CompareAsync(TableId.Quarantine(table.Table), "count(*)", table.Quarantined);
            foreach (var (rule, rows) in table.QuarantinedByRule)
                await CompareAsync(TableId.Quarantine(table.Table), $"count(*) FILTER (list_contains(string_split(_rules, ','), '{rule}'))", rows);
        }

        foreach (var table in expectation.Gold)
            foreach (var total in table.Totals.Append(new GoldTotal("count(*)", table.Rows)))
                await CompareAsync(TableId.Gold(table.Table), total.Expression, total.Value);
        return differences;

        async Task CompareAsync(TableId id, string expression, decimal expected)
        {
            var found = 0m;
            if (await lake.TryOpenAsync(id, Cancel) is { } table)
            {
                var rows = await TableFiles.RelationAsync(session, lake.Store, table.Path, table.Current.Schema.FieldsList,
                    [.. table.Current.Files.Select(file => file.Path)], withOrigin: false, Cancel);
                found = Convert.ToDecimal(session.Rows($"SELECT CAST(coalesce({expression}, 0) AS DECIMAL(38,4)) FROM ({rows})").Single()[0], CultureInfo.InvariantCulture);
            }

            if (found != expected) differences.Add($"{id} {expression}: expected {expected}, found {found}");
        }
    }
}
